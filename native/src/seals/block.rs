//! Blocks of leaves as they are kept: columns of fixed width.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::seals::entry::Entry;
use crate::seals::hashes::{HASH, HINTS, SALTS};
use crate::wire::{Unusual, Usual};

/// Where the columns of `BLOCK_COLUMNS` are that we read.
const LANE: usize = 1;
const COUNT: usize = 2;
const KINDS: usize = 3;
const WIDTHS: [usize; 7] = [1, 8, 16, 8, HASH, HINTS, SALTS];

/// Objects of Python that hold the columns of one block.
pub struct Held<'py> {
    lane: i32,
    count: usize,
    columns: [Bound<'py, PyBytes>; 7],
}

impl<'py> Held<'py> {
    pub fn all(blocks: &Bound<'py, PyList>) -> Usual<Vec<Self>> {
        blocks.iter().map(|block| Self::of(&block).ok_or(Unusual)).collect()
    }

    fn of(block: &Bound<'py, PyAny>) -> Option<Self> {
        let block = block.cast::<PyTuple>().ok()?;
        let count = block.get_item(COUNT).ok()?.extract().ok()?;
        let mut columns = Vec::with_capacity(WIDTHS.len());
        for (place, width) in (KINDS..).zip(WIDTHS) {
            let column = block.get_item(place).ok()?.cast_into::<PyBytes>().ok()?;
            if column.as_bytes().len() != width * count {
                return None;
            }
            columns.push(column);
        }
        let lane = block.get_item(LANE).ok()?.extract().ok()?;
        Some(Held { lane, count, columns: columns.try_into().ok()? })
    }

    pub fn view(&self) -> Block<'_> {
        let [kinds, seqs, event_ids, times, bodies, hints, salts] =
            self.columns.each_ref().map(PyBytesMethods::as_bytes);
        Block { lane: self.lane, count: self.count, kinds, seqs, event_ids, times, bodies, hints, salts }
    }
}

/// The leaves of one block.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    lane: i32,
    count: usize,
    kinds: &'a [u8],
    seqs: &'a [u8],
    event_ids: &'a [u8],
    times: &'a [u8],
    bodies: &'a [u8],
    hints: &'a [u8],
    salts: &'a [u8],
}

/// A leaf as it is kept.
pub struct Leaf<'a> {
    pub kind: u8,
    pub lane: i32,
    pub seq: i64,
    pub event_id: [u8; 16],
    pub at: i64,
    pub body: &'a [u8],
    pub hints: &'a [u8],
    pub salts: &'a [u8],
}

impl Leaf<'_> {
    /// Whether it says so.
    pub fn is_of(&self, entry: &Entry<'_>) -> bool {
        (self.kind, self.event_id, self.at) == (entry.kind, entry.event_id, entry.at)
    }
}

impl<'a> Block<'a> {
    pub fn leaves(self) -> impl Iterator<Item = Leaf<'a>> {
        (0..self.count).map(move |at| Leaf {
            kind: self.kinds[at],
            lane: self.lane,
            seq: i64::from_be_bytes(array(self.seqs, at)),
            event_id: array(self.event_ids, at),
            at: i64::from_be_bytes(array(self.times, at)),
            body: &self.bodies[HASH * at..HASH * (at + 1)],
            hints: &self.hints[HINTS * at..HINTS * (at + 1)],
            salts: &self.salts[SALTS * at..SALTS * (at + 1)],
        })
    }
}

fn array<const N: usize>(column: &[u8], at: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&column[N * at..N * (at + 1)]);
    value
}
