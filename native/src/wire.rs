//! Protobuf's wire format, as far as usual encodings go: canonical varints, no groups. All else is [`Unusual`], and Python's.

/// What is left to the Python mapper, whatever it is: odd behaviour exists there alone.
#[derive(Debug, PartialEq, Eq)]
pub struct Unusual;

pub type Usual<T> = Result<T, Unusual>;

/// Content of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    /// Where in the request the bytes start and stop.
    Bytes(usize, usize),
}

/// Number and content of a field.
type Field = (u64, Content);

/// Reads the fields of one message that lies within a request, without copying.
pub struct Reader<'a> {
    all: &'a [u8],
    pub at: usize,
    stop: usize,
}

impl<'a> Reader<'a> {
    /// A reader of the message between `at` and `stop`.
    pub fn new(all: &'a [u8], at: usize, stop: usize) -> Self {
        Reader { all, at, stop }
    }

    /// The next field, or None at the end of the message.
    pub fn next(&mut self) -> Usual<Option<Field>> {
        if self.at == self.stop {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 || tag > u64::from(u32::MAX) {
            return Err(Unusual);
        }
        let content = match tag & 7 {
            0 => Content::Varint(self.varint()?),
            1 => Content::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let (from, to) = self.extent()?;
                self.at = to;
                Content::Bytes(from, to)
            }
            5 => {
                self.array::<4>()?;
                Content::Fixed32
            }
            _ => return Err(Unusual), // groups, and what is none
        };
        Ok(Some((number, content)))
    }

    /// The next byte, which must be this one.
    pub fn expect(&mut self, byte: u8) -> Usual<()> {
        if self.at < self.stop && self.all.get(self.at) == Some(&byte) {
            self.at += 1;
            return Ok(());
        }
        Err(Unusual)
    }

    /// Where the bytes start and stop whose length comes next.
    pub fn extent(&mut self) -> Usual<(usize, usize)> {
        let size = usize::try_from(self.varint()?).map_err(|_| Unusual)?;
        if size > self.stop - self.at {
            return Err(Unusual);
        }
        Ok((self.at, self.at + size))
    }

    /// The next varint, which must be as short as it can be.
    pub fn varint(&mut self) -> Usual<u64> {
        let mut number = 0;
        let mut shift = 0;
        for &byte in self.all.get(self.at..self.stop).ok_or(Unusual)? {
            self.at += 1;
            if shift == 63 && byte > 1 {
                return Err(Unusual);
            }
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return if byte == 0 && shift > 0 { Err(Unusual) } else { Ok(number) };
            }
            shift += 7;
            if shift > 63 {
                return Err(Unusual);
            }
        }
        Err(Unusual)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Usual<[u8; N]> {
        let bytes = self.all.get(self.at..self.stop).and_then(|rest| rest.first_chunk());
        self.at += N;
        bytes.copied().ok_or(Unusual)
    }

    pub fn at_end(&self) -> bool {
        self.at == self.stop
    }
}

/// That a message is well formed, whatever its fields are.
pub fn check(all: &[u8], at: usize, stop: usize) -> Usual<()> {
    let mut reader = Reader::new(all, at, stop);
    while reader.next()?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(bytes: &[u8]) -> Usual<u64> {
        Reader::new(bytes, 0, bytes.len()).varint()
    }

    #[test]
    fn a_varint_is_as_short_as_it_can_be_and_at_most_64_bits() {
        assert_eq!(varint(&[0]), Ok(0));
        assert_eq!(varint(&[0xAC, 0x02]), Ok(300));
        assert_eq!(varint(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]), Ok(u64::MAX));
        for odd in
            [&[][..], &[0x80], &[0x80, 0], &[0xFF; 11], &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2]]
        {
            assert_eq!(varint(odd), Err(Unusual));
        }
    }

    #[test]
    fn no_field_reaches_beyond_its_message() {
        assert_eq!(check(b"\x0a\x02ab", 0, 4), Ok(()));
        assert_eq!(check(b"\x0a\x02ab", 0, 3), Err(Unusual));
        assert_eq!(check(b"\x09\0\0\0\0\0\0\0\0", 0, 8), Err(Unusual));
    }
}
