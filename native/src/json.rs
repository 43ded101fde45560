//! JSON as `orjson.dumps` writes it with sorted keys.

use crate::value::{Map, Value};
use crate::wire::{Unusual, Usual};

/// Numbers between these look the same whichever version of orjson writes them; others are unusual.
const SMALLEST: f64 = 1e-4;
const LARGEST: f64 = 1e15;

/// Appends `value`.
pub fn write(out: &mut String, value: &Value) -> Usual<()> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => write_integer(out, *value),
        Value::Float(value) => write_float(out, *value)?,
        Value::Text(text) => write_text(out, text),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(out, item)?;
            }
            out.push(']');
        }
        Value::Map(items) => write_map(out, items)?,
    }
    Ok(())
}

/// Appends a map; its keys are in order already.
pub fn write_map(out: &mut String, items: &Map) -> Usual<()> {
    out.push('{');
    for (index, (key, value)) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_text(out, key);
        out.push(':');
        write(out, value)?;
    }
    out.push('}');
    Ok(())
}

pub fn write_integer(out: &mut String, number: impl itoa::Integer) {
    out.push_str(itoa::Buffer::new().format(number));
}

fn write_float(out: &mut String, number: f64) -> Usual<()> {
    let size = number.abs();
    if number == 0.0 || (SMALLEST..LARGEST).contains(&size) {
        out.push_str(zmij::Buffer::new().format_finite(number));
        return Ok(());
    }
    Err(Unusual)
}

/// Bytes that are looked at together: the loop over them becomes a few wide instructions.
const AT_ONCE: usize = 32;

/// Appends a text in quotes.
pub fn write_text(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut written = 0;
    let mut start = 0;
    for chunk in text.as_bytes().chunks(AT_ONCE) {
        if chunk.iter().fold(false, |any, byte| any | is_escaped(*byte)) {
            for (place, byte) in (start..).zip(chunk) {
                if is_escaped(*byte) {
                    out.push_str(&text[written..place]);
                    written = place + 1;
                    push_escaped(out, *byte);
                }
            }
        }
        start += chunk.len();
    }
    out.push_str(&text[written..]);
    out.push('"');
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn push_escaped(out: &mut String, byte: u8) {
    match byte {
        b'"' => out.push_str("\\\""),
        b'\\' => out.push_str("\\\\"),
        0x08 => out.push_str("\\b"),
        b'\t' => out.push_str("\\t"),
        b'\n' => out.push_str("\\n"),
        0x0C => out.push_str("\\f"),
        b'\r' => out.push_str("\\r"),
        _ => {
            out.push_str(if byte < 0x10 { "\\u000" } else { "\\u001" });
            out.push(char::from(b"0123456789abcdef"[usize::from(byte & 0xF)]));
        }
    }
}

/// Appends a text, or null.
pub fn write_optional(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => write_text(out, text),
        None => out.push_str("null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &Value) -> Option<String> {
        let mut out = String::new();
        write(&mut out, value).ok().map(|()| out)
    }

    #[test]
    fn texts_are_escaped_as_little_as_json_allows() {
        let text = "a\"\\\u{8}\t\n\u{c}\r\u{1}\u{1f}\u{7f}é€";
        assert_eq!(written(&Value::Text(text)).as_deref(), Some("\"a\\\"\\\\\\b\\t\\n\\f\\r\\u0001\\u001f\u{7f}é€\""));
    }

    #[test]
    fn numbers_with_an_exponent_are_left_to_python() {
        assert_eq!(written(&Value::Float(50000.0)).as_deref(), Some("50000.0"));
        assert_eq!(written(&Value::Float(-0.0)).as_deref(), Some("-0.0"));
        for number in [1e-5, 1e16, f64::NAN, f64::INFINITY, 5e-324] {
            assert_eq!(written(&Value::Float(number)), None);
        }
    }
}
