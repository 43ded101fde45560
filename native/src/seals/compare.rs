//! Kept leaves against what the log holds at their places: what `prelude_store.seals.contents` does with each, where nothing is odd.

use std::collections::HashSet;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use rustc_hash::FxHashMap;

use crate::seals::block::{Held, Leaf};
use crate::seals::entry::Entry;
use crate::seals::hashes::{HASH, Hasher, length};
use crate::seals::single_column;
use crate::wire::Usual;

/// Lane and number.
pub type Place = (i32, i64);

/// The hashes of all leaves of `blocks`; None where Python must look at one.
#[pyfunction]
pub fn leaf_hashes<'py>(py: Python<'py>, blocks: &Bound<'py, PyList>) -> Option<Bound<'py, PyBytes>> {
    let held = Held::all(blocks).ok()?;
    let views: Vec<_> = held.iter().map(Held::view).collect();
    let all = py.detach(|| {
        let mut hasher = Hasher::default();
        let mut all = Vec::with_capacity(HASH * 256 * views.len());
        for leaf in views.iter().flat_map(|block| block.leaves()) {
            all.extend(hasher.leaf(leaf.kind, &leaf.event_id, leaf.at, leaf.lane, leaf.seq, leaf.body).ok()?);
        }
        Some(all)
    })?;
    Some(PyBytes::new(py, &all))
}

/// What is left to say about leaves and entries.
#[derive(Default)]
struct Compared {
    /// Rows that are as they were sealed.
    rows: usize,
    /// Rows that were sealed without a length and have one now: number of the leaf, length.
    born: Vec<(usize, i32)>,
    /// What amendments say: number of the leaf, length.
    given: Vec<(usize, i32)>,
    /// Leaves that Python must look at, by their numbers in the batch.
    leaves: Vec<usize>,
    /// Places that hold what Python must look at.
    places: Vec<Place>,
}

/// Compares `entries`, which are rows with one column of what `record_send` gives, with the leaves of `blocks`.
///
/// Gives the number of rows that are as they were sealed; (number of the leaf in the batch, length) of rows whose length came later, and of amendments;
/// and what is left to Python, which is all at the places `apart`, too: numbers of leaves, and places. None where that is all.
#[pyfunction]
pub fn compare_leaves<'py>(
    py: Python<'py>,
    blocks: &Bound<'py, PyList>,
    entries: &Bound<'py, PyList>,
    apart: HashSet<Place>,
) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let (Ok(held), Ok(rows)) = (Held::all(blocks), single_column(entries)) else { return Ok(None) };
    let leaves: Vec<_> = held.iter().flat_map(|block| block.view().leaves()).collect();
    let records: Vec<&[u8]> = rows.iter().map(PyBytesMethods::as_bytes).collect();
    let Ok(found) = py.detach(|| compared(&leaves, &records, &apart)) else { return Ok(None) };
    (found.rows, found.born, found.given, found.leaves, found.places).into_pyobject(py).map(Some)
}

fn compared(leaves: &[Leaf<'_>], records: &[&[u8]], apart: &HashSet<Place>) -> Usual<Compared> {
    let mut hasher = Hasher::default();
    let mut found = Compared::default();
    found.places = pair(leaves, records, apart, |number, leaf, entry| {
        let plain = entry.is_some_and(|entry| as_sealed(&mut hasher, leaf, entry, number, &mut found));
        if !plain {
            found.leaves.push(number);
        }
        plain
    })?;
    Ok(found)
}

/// Gives each leaf, by its number, and the one entry at its place to `plain`, which says whether nothing is odd about them; no entry, where there is
/// none, or more, or where Python must look. What comes back are the places that hold what no plain leaf stands for.
pub fn pair(
    leaves: &[Leaf<'_>],
    records: &[&[u8]],
    apart: &HashSet<Place>,
    mut plain: impl FnMut(usize, &Leaf<'_>, Option<&Entry<'_>>) -> bool,
) -> Usual<Vec<Place>> {
    let entries = records.iter().map(|record| Entry::read(record)).collect::<Usual<Vec<_>>>()?;
    let mut there = There::of(&entries, apart);
    for (number, leaf) in leaves.iter().enumerate() {
        let entry = there.single(leaf).map(|entry| &entries[entry]);
        if plain(number, leaf, entry) {
            there.take(leaf);
        }
    }
    Ok(there.left())
}

/// What the log holds, by place.
struct There<'a> {
    /// The number of the entry, and whether it is the only one there.
    entries: FxHashMap<Place, (usize, bool)>,
    apart: &'a HashSet<Place>,
}

impl<'a> There<'a> {
    fn of(entries: &[Entry<'_>], apart: &'a HashSet<Place>) -> Self {
        let mut found = FxHashMap::default();
        found.reserve(entries.len());
        for (number, entry) in entries.iter().enumerate() {
            found.entry((entry.lane, entry.seq)).and_modify(|(_, single)| *single = false).or_insert((number, true));
        }
        There { entries: found, apart }
    }

    /// The number of the one entry at the place of a leaf; None where there is none, or more, or where Python must look.
    fn single(&self, leaf: &Leaf<'_>) -> Option<usize> {
        let place = (leaf.lane, leaf.seq);
        match self.entries.get(&place) {
            Some((number, true)) if !self.apart.contains(&place) => Some(*number),
            _ => None,
        }
    }

    /// What is there is of this leaf.
    fn take(&mut self, leaf: &Leaf<'_>) {
        self.entries.remove(&(leaf.lane, leaf.seq));
    }

    /// Places of which nothing was taken.
    fn left(self) -> Vec<Place> {
        self.entries.into_keys().collect()
    }
}

/// Whether nothing is odd about an entry.
fn as_sealed(hasher: &mut Hasher, leaf: &Leaf<'_>, entry: &Entry<'_>, number: usize, found: &mut Compared) -> bool {
    if !leaf.is_of(entry) {
        return false;
    }
    if leaf.kind != b'r' {
        let Ok(body) = hasher.body_of_other(entry) else { return false };
        if body != leaf.body {
            return false;
        }
        if leaf.kind == b'a' {
            let mut values = entry.values;
            let Ok(Some(duration)) = length(&mut values) else { return false };
            found.given.push((number, duration));
        }
        return true;
    }
    let Ok(committed) = hasher.row(entry, leaf.salts) else { return false };
    if committed.hints() != leaf.hints {
        return false;
    }
    if hasher.body_of_row(&committed, committed.duration) != leaf.body {
        let Some(duration) = committed.duration else { return false };
        if hasher.body_of_row(&committed, None) != leaf.body {
            return false;
        }
        found.born.push((number, duration));
    }
    found.rows += 1;
    true
}
