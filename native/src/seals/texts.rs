//! Canonical texts: what `json_build_array` prints of the same values (`prelude_store.seals.texts`).

use std::str::from_utf8;

use crate::ids::{push_hex, push_uuid};
use crate::json::{write_integer, write_text};
use crate::seals::entry::{BYTEA, Bytes, INT4, INT8, JSONB, TEXT, TEXTS, TIMESTAMPTZ, UUID, moment};
use crate::wire::{Unusual, Usual};

/// Appends the text of the next `count` columns; says whether any of them has a value.
pub fn write_values(out: &mut String, values: &mut Bytes<'_>, count: usize) -> Usual<bool> {
    let mut any = false;
    out.push('[');
    for index in 0..count {
        if index > 0 {
            out.push_str(", ");
        }
        let (kind, value) = values.column()?;
        match value {
            None => out.push_str("null"),
            Some(value) => {
                any = true;
                write_value(out, kind, value)?;
            }
        }
    }
    out.push(']');
    Ok(any)
}

fn write_value(out: &mut String, kind: u32, value: &[u8]) -> Usual<()> {
    match kind {
        TEXT => write_text(out, text(value)?),
        JSONB => {
            let (1, json) = value.split_first().map(|(version, json)| (*version, json)).ok_or(Unusual)? else {
                return Err(Unusual);
            };
            out.push_str(text(json)?);
        }
        INT4 => write_integer(out, i32::from_be_bytes(value.try_into().map_err(|_| Unusual)?)),
        INT8 => write_integer(out, i64::from_be_bytes(value.try_into().map_err(|_| Unusual)?)),
        TIMESTAMPTZ => write_integer(out, moment(i64::from_be_bytes(value.try_into().map_err(|_| Unusual)?))?),
        UUID => {
            out.push('"');
            push_uuid(out, value.try_into().map_err(|_| Unusual)?);
            out.push('"');
        }
        BYTEA => {
            out.push('"');
            push_hex(out, value);
            out.push('"');
        }
        TEXTS => write_list(out, Bytes(value))?,
        _ => return Err(Unusual),
    }
    Ok(())
}

/// A list; one of lists is unusual.
fn write_list(out: &mut String, mut bytes: Bytes<'_>) -> Usual<()> {
    let dimensions = bytes.i32()?;
    bytes.take(4)?; // whether any is NULL
    if bytes.u32()? != TEXT {
        return Err(Unusual);
    }
    let count = match dimensions {
        0 => 0,
        1 => {
            let count = bytes.i32()?;
            bytes.take(4)?; // the number of the first
            count
        }
        _ => return Err(Unusual),
    };
    out.push('[');
    for index in 0..count {
        if index > 0 {
            out.push(',');
        }
        match bytes.sized()? {
            None => out.push_str("null"),
            Some(value) => write_text(out, text(value)?),
        }
    }
    out.push(']');
    Ok(())
}

fn text(bytes: &[u8]) -> Usual<&str> {
    from_utf8(bytes).map_err(|_| Unusual)
}

/// Appends the head of a leaf.
pub fn write_head(out: &mut String, kind: u8, event_id: &[u8; 16], at: i64, lane: i32, seq: i64) -> Usual<()> {
    out.push_str(match kind {
        b'r' => "[\"row\", \"",
        b'a' => "[\"amendment\", \"",
        b'c' => "[\"change\", \"",
        b'g' => "[\"act\", null, ",
        _ => return Err(Unusual),
    });
    if kind != b'g' {
        push_uuid(out, event_id);
        out.push_str("\", ");
    }
    write_integer(out, at);
    out.push_str(", ");
    write_integer(out, lane);
    out.push_str(", ");
    write_integer(out, seq);
    out.push(']');
    Ok(())
}
