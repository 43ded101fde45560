//! `KeyValue` and `AnyValue` of OTLP in their usual encodings, borrowed from the request.

use crate::wire::{Reader, Unusual, Usual};

/// Levels of maps and lists; deeper ones are unusual.
const DEPTH: u32 = 8;

const KEY: u8 = 0x0A; // field 1 of KeyValue
const VALUE: u8 = 0x12; // field 2 of KeyValue
const ITEM: u8 = 0x0A; // field 1 of KeyValueList and ArrayValue

#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Null,
    Text(&'a str),
    Bool(bool),
    Int(i64),
    Float(f64),
    List(Vec<Value<'a>>),
    Map(Map<'a>),
}

/// Keys in order, each once.
pub type Map<'a> = Vec<(&'a str, Value<'a>)>;

/// Key of the `KeyValue` between `at` and `stop`, and where its value starts and stops. SDKs write the key first, the Collector
/// the value.
pub fn key_of(all: &[u8], at: usize, stop: usize) -> Usual<(&[u8], usize, usize)> {
    let mut reader = Reader::new(all, at, stop);
    let key_first = all.get(at) == Some(&KEY);
    let (first, second) = if key_first { (KEY, VALUE) } else { (VALUE, KEY) };
    reader.expect(first)?;
    let before = reader.extent()?;
    reader.at = before.1;
    reader.expect(second)?;
    let after = reader.extent()?;
    if after.1 != stop {
        return Err(Unusual);
    }
    let (key, value) = if key_first { (before, after) } else { (after, before) };
    Ok((&all[key.0..key.1], value.0, value.1))
}

/// The value between `at` and `stop`.
pub fn value_of(all: &[u8], at: usize, stop: usize) -> Usual<Value<'_>> {
    any_value(all, at, stop, DEPTH)
}

fn any_value(all: &[u8], at: usize, stop: usize, depth: u32) -> Usual<Value<'_>> {
    if at == stop {
        return Ok(Value::Null);
    }
    let mut reader = Reader::new(all, at + 1, stop);
    let value = match all[at] {
        0x10 => match reader.varint()? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            _ => return Err(Unusual),
        },
        0x18 => Value::Int(i64::from_le_bytes(reader.varint()?.to_le_bytes())),
        0x21 => Value::Float(f64::from_le_bytes(reader.array()?)),
        tag @ (0x0A | 0x2A | 0x32) => {
            let (from, to) = reader.extent()?;
            reader.at = to;
            match tag {
                0x0A => Value::Text(text(&all[from..to])?),
                _ if depth == 0 => return Err(Unusual),
                0x2A => Value::List(list(all, from, to, depth - 1)?),
                _ => Value::Map(map(all, from, to, depth - 1)?),
            }
        }
        _ => return Err(Unusual),
    };
    if reader.at_end() { Ok(value) } else { Err(Unusual) }
}

fn list(all: &[u8], at: usize, stop: usize, depth: u32) -> Usual<Vec<Value<'_>>> {
    let mut items = Vec::new();
    let mut reader = Reader::new(all, at, stop);
    while !reader.at_end() {
        reader.expect(ITEM)?;
        let (from, to) = reader.extent()?;
        items.push(any_value(all, from, to, depth)?);
        reader.at = to;
    }
    Ok(items)
}

fn map(all: &[u8], at: usize, stop: usize, depth: u32) -> Usual<Map<'_>> {
    let mut items = Vec::new();
    let mut reader = Reader::new(all, at, stop);
    while !reader.at_end() {
        reader.expect(ITEM)?;
        let (from, to) = reader.extent()?;
        let (key, start, end) = key_of(all, from, to)?;
        items.push((text(key)?, any_value(all, start, end, depth)?));
        reader.at = to;
    }
    items.sort_unstable_by_key(|item| item.0);
    if items.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(Unusual);
    }
    Ok(items)
}

/// Text as `PostgreSQL` takes it: UTF-8 without NUL.
fn text(bytes: &[u8]) -> Usual<&str> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unusual)?;
    if text.contains('\0') { Err(Unusual) } else { Ok(text) }
}
