//! What is hashed of what: commitments, bodies, leaves, and nodes of the tree (RFC 6962).

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sha2::{Digest, Sha256};

use crate::json::write_integer;
use crate::seals::entry::{Bytes, Entry, INT4};
use crate::seals::texts::{write_head, write_values};
use crate::wire::{Unusual, Usual};

pub const HASH: usize = 32;
pub const SALTS: usize = 48;
pub const HINTS: usize = 12;

const SALT: usize = 16;
const HINT: usize = 4;

/// Columns of a row, in their order: those in no class, the length, and those of each class.
const CLEAR: usize = 12;
const CLASSES: [(&[u8], usize); 3] = [(b"person\0", 2), (b"device\0", 2), (b"content\0", 5)];
const OF_ROW: usize = CLEAR + 1 + 2 + 2 + 5;

pub type Hash = [u8; HASH];

/// What a row commits to, under its salts.
pub struct Committed {
    classes: [Hash; 3],
    pub duration: Option<i32>,
}

impl Committed {
    pub fn hints(&self) -> [u8; HINTS] {
        let mut hints = [0; HINTS];
        for (hint, class) in hints.chunks_exact_mut(HINT).zip(&self.classes) {
            hint.copy_from_slice(&class[..HINT]);
        }
        hints
    }
}

/// The texts of a row.
pub struct Texts {
    /// With the length.
    pub clear: String,
    pub classes: [Option<String>; 3],
}

/// Hashes entries; its buffers are used again and again.
#[derive(Default)]
pub struct Hasher {
    /// Of a row: the text of what is in no class.
    text: String,
    class: String,
}

impl Hasher {
    /// Reads a row; `body_of_row` then tells its body.
    pub fn row(&mut self, entry: &Entry<'_>, salts: &[u8]) -> Usual<Committed> {
        if entry.count != OF_ROW || salts.len() != SALTS {
            return Err(Unusual);
        }
        let mut values = entry.values;
        self.text.clear();
        write_values(&mut self.text, &mut values, CLEAR)?;
        let duration = length(&mut values)?;
        let mut classes = [[0; HASH]; 3];
        for ((class, (name, count)), salt) in classes.iter_mut().zip(CLASSES).zip(salts.chunks_exact(SALT)) {
            self.class.clear();
            if write_values(&mut self.class, &mut values, count)? {
                *class = hash(&[salt, name, self.class.as_bytes()]);
            }
        }
        if !values.0.is_empty() {
            return Err(Unusual);
        }
        Ok(Committed { classes, duration })
    }

    /// The body of the row that was read last, with this length.
    pub fn body_of_row(&mut self, committed: &Committed, duration: Option<i32>) -> Hash {
        self.class.clear();
        write_length(&mut self.class, duration);
        let [person, device, content] = &committed.classes;
        hash(&[self.text.as_bytes(), self.class.as_bytes(), person, device, content])
    }

    /// What the body of the row that was read last is made of, with this length.
    pub fn texts(&self, entry: &Entry<'_>, duration: Option<i32>) -> Usual<Texts> {
        let mut clear = self.text.clone();
        write_length(&mut clear, duration);
        let mut values = entry.values;
        for _ in 0..=CLEAR {
            values.column()?;
        }
        let mut classes = [const { None }; 3];
        for (class, (_, count)) in classes.iter_mut().zip(CLASSES) {
            let mut text = String::new();
            if write_values(&mut text, &mut values, count)? {
                *class = Some(text);
            }
        }
        Ok(Texts { clear, classes })
    }

    /// The body of what is no row.
    pub fn body_of_other(&mut self, entry: &Entry<'_>) -> Usual<Hash> {
        let mut values = entry.values;
        self.text.clear();
        write_values(&mut self.text, &mut values, entry.count)?;
        if !values.0.is_empty() {
            return Err(Unusual);
        }
        Ok(hash(&[self.text.as_bytes()]))
    }

    /// The hash of a leaf.
    pub fn leaf(&mut self, kind: u8, event_id: &[u8; 16], at: i64, lane: i32, seq: i64, body: &[u8]) -> Usual<Hash> {
        self.class.clear();
        write_head(&mut self.class, kind, event_id, at, lane, seq)?;
        Ok(hash(&[b"\0", self.class.as_bytes(), body]))
    }
}

fn write_length(out: &mut String, duration: Option<i32>) {
    match duration {
        None => out.push_str("[null]"),
        Some(duration) => {
            out.push('[');
            write_integer(out, duration);
            out.push(']');
        }
    }
}

/// The length of an amendment: its first column.
pub fn length(values: &mut Bytes<'_>) -> Usual<Option<i32>> {
    match values.column()? {
        (INT4, None) => Ok(None),
        (INT4, Some(value)) => Ok(Some(i32::from_be_bytes(value.try_into().map_err(|_| Unusual)?))),
        _ => Err(Unusual),
    }
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The root of a full subtree, of the hashes of its leaves, one behind the other; None where these are none of a full one.
#[pyfunction]
pub fn fold_hashes<'py>(py: Python<'py>, hashes: &[u8]) -> Option<Bound<'py, PyBytes>> {
    let count = hashes.len() / HASH;
    if hashes.len() % HASH != 0 || !count.is_power_of_two() {
        return None;
    }
    let mut level = hashes.to_vec();
    let mut count = count;
    while count > 1 {
        count /= 2;
        for node in 0..count {
            let both = hash(&[b"\x01", &level[2 * HASH * node..2 * HASH * (node + 1)]]);
            level[HASH * node..HASH * (node + 1)].copy_from_slice(&both);
        }
    }
    Some(PyBytes::new(py, &level[..HASH]))
}
