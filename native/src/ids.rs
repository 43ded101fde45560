//! Ids in text, as `prelude_otel.contract.event_id` and `prelude_exporter.decoding.mapping` make them.

use std::borrow::Cow;

use blake2b_simd::Params;

const DIGITS: &[u8; 16] = b"0123456789abcdef";
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// Appends `bytes` in lower-case hexadecimal.
pub fn push_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 0xF)]));
    }
}

/// An id of a trace or span of this many bytes in hexadecimal; None for one that is none.
pub fn trace_context(id: &[u8], size: usize) -> Option<String> {
    if id.len() != size || id.iter().all(|byte| *byte == 0) {
        return None;
    }
    let mut text = String::with_capacity(2 * size);
    push_hex(&mut text, id);
    Some(text)
}

/// The row's id for a given `log.record.uid`: a UUID as it is, any other string hashed to one of version 8.
pub fn event_id_from_uid(uid: &str) -> Cow<'_, str> {
    if is_plain_uuid(uid) {
        return Cow::Borrowed(uid);
    }
    Cow::Owned(other_uuid(uid).unwrap_or_else(|| uuid8(uid.as_bytes())))
}

/// In lower case, with its four hyphens.
fn is_plain_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match byte {
            b'-' => HYPHENS.contains(&place),
            b'0'..=b'9' | b'a'..=b'f' => !HYPHENS.contains(&place),
            _ => false,
        })
}

/// A UUID in upper case, or without some of its hyphens.
fn other_uuid(text: &str) -> Option<String> {
    let mut rest = text.as_bytes();
    let mut uuid = String::with_capacity(36);
    for (group, digits) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if group > 0 {
            uuid.push('-');
            rest = rest.strip_prefix(b"-").unwrap_or(rest);
        }
        let (these, others) = rest.split_at_checked(digits)?;
        if !these.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        uuid.extend(these.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
        rest = others;
    }
    rest.is_empty().then_some(uuid)
}

fn uuid8(content: &[u8]) -> String {
    let hash = Params::new().hash_length(16).personal(b"prelude-event-id").hash(content);
    let mut bytes: [u8; 16] = [0; 16];
    bytes.copy_from_slice(hash.as_bytes());
    bytes[6] = bytes[6] & 0x0F | 0x80; // version 8
    bytes[8] = bytes[8] & 0x3F | 0x80; // variant of RFC 9562
    uuid_text(&bytes)
}

fn uuid_text(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    push_uuid(&mut text, bytes);
    text
}

/// Appends a UUID in lower case, with its hyphens.
pub fn push_uuid(out: &mut String, bytes: &[u8; 16]) {
    for (from, to) in [(0, 4), (4, 6), (6, 8), (8, 10), (10, 16)] {
        if from > 0 {
            out.push('-');
        }
        push_hex(out, &bytes[from..to]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_itself_however_it_is_written() {
        let plain = "01890a5d-ac96-774b-bcce-b302099a8057";
        for text in [plain, "01890A5DAC96774BBCCEB302099A8057", "01890a5d-ac96774b-bcceb302099a8057"] {
            assert_eq!(event_id_from_uid(text), plain);
        }
        for text in [
            "",
            "01890a5d-ac96-774b-bcce-b302099a805",
            "01890a5d--ac96-774b-bcce-b302099a8057",
            "0-1890a5dac96774bbcceb302099a8057",
        ] {
            assert_eq!(event_id_from_uid(text).as_bytes()[14], b'8');
        }
    }
}
