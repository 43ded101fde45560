//! What `record_send` gives: an entry of the log, each of its columns with its type.

use crate::wire::{Unusual, Usual};

/// Numbers of the database's types (`pg_type.dat`).
pub const BYTEA: u32 = 17;
pub const INT8: u32 = 20;
pub const INT4: u32 = 23;
pub const TEXT: u32 = 25;
pub const TEXTS: u32 = 1009;
pub const TIMESTAMPTZ: u32 = 1184;
pub const UUID: u32 = 2950;
pub const JSONB: u32 = 3802;

/// Microseconds from 1970 to 2000, where the database counts from.
const EPOCH: i64 = 946_684_800_000_000;

/// Reads one value after the other.
#[derive(Clone, Copy)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn take(&mut self, count: usize) -> Usual<&'a [u8]> {
        let (these, rest) = self.0.split_at_checked(count).ok_or(Unusual)?;
        self.0 = rest;
        Ok(these)
    }

    fn array<const N: usize>(&mut self) -> Usual<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Unusual)
    }

    pub fn i32(&mut self) -> Usual<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn u32(&mut self) -> Usual<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Bytes behind their number; None where that is -1.
    pub fn sized(&mut self) -> Usual<Option<&'a [u8]>> {
        match self.i32()? {
            -1 => Ok(None),
            size => self.take(usize::try_from(size).map_err(|_| Unusual)?).map(Some),
        }
    }

    /// A column: its type, and its value.
    pub fn column(&mut self) -> Usual<(u32, Option<&'a [u8]>)> {
        Ok((self.u32()?, self.sized()?))
    }

    /// A column that must be of this type and have a value.
    fn given<const N: usize>(&mut self, wanted: u32) -> Usual<[u8; N]> {
        match self.column()? {
            (kind, Some(value)) if kind == wanted => value.try_into().map_err(|_| Unusual),
            _ => Err(Unusual),
        }
    }
}

/// A row, an amendment, a change or an act: its head, and its further columns.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pub kind: u8,
    pub lane: i32,
    pub seq: i64,
    /// Zeros of an act.
    pub event_id: [u8; 16],
    /// Microseconds since 1970.
    pub at: i64,
    pub values: Bytes<'a>,
    /// How many further columns there are.
    pub count: usize,
}

impl<'a> Entry<'a> {
    /// Kind, lane, number, event id, time, and what it has beside these.
    pub fn read(record: &'a [u8]) -> Usual<Self> {
        let mut bytes = Bytes(record);
        let count = usize::try_from(bytes.i32()?).ok().and_then(|count| count.checked_sub(5)).ok_or(Unusual)?;
        let [kind] = bytes.given(TEXT)?;
        let lane = i32::from_be_bytes(bytes.given(INT4)?);
        let seq = i64::from_be_bytes(bytes.given(INT8)?);
        let event_id = match (bytes.column()?, kind) {
            ((UUID, None), b'g') => [0; 16],
            ((UUID, Some(value)), b'r' | b'a' | b'c') => value.try_into().map_err(|_| Unusual)?,
            _ => return Err(Unusual),
        };
        let at = moment(i64::from_be_bytes(bytes.given(TIMESTAMPTZ)?))?;
        Ok(Entry { kind, lane, seq, event_id, at, values: bytes, count })
    }
}

/// Microseconds since 1970; infinity has none.
pub fn moment(since_2000: i64) -> Usual<i64> {
    if since_2000 == i64::MIN {
        return Err(Unusual);
    }
    since_2000.checked_add(EPOCH).ok_or(Unusual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_is_no_entry() {
        let mut record = vec![0, 0, 0, 5];
        for (kind, value) in [
            (TEXT, b"g".as_slice()),
            (INT4, &1_i32.to_be_bytes()),
            (INT8, &7_i64.to_be_bytes()),
            (UUID, b""),
            (TIMESTAMPTZ, &5_i64.to_be_bytes()),
        ] {
            record.extend(kind.to_be_bytes());
            record.extend(if kind == UUID { [255; 4] } else { u32::try_from(value.len()).unwrap_or(0).to_be_bytes() });
            record.extend(value);
        }
        let entry = Entry::read(&record).map(|entry| (entry.kind, entry.lane, entry.seq, entry.at, entry.count));
        assert_eq!(entry, Ok((b'g', 1, 7, EPOCH + 5, 0)));
        for end in 0..record.len() {
            assert!(Entry::read(&record[..end]).is_err());
        }
    }

    #[test]
    fn infinity_is_no_time() {
        assert_eq!(moment(i64::MAX), Err(Unusual));
        assert_eq!(moment(i64::MIN), Err(Unusual));
    }
}
