//! New leaves of entries that were just read: what the question `SEAL` of `prelude_store.seals.leaves` makes in the database.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use rustc_hash::FxHashMap;

use crate::seals::entry::Entry;
use crate::seals::hashes::{HASH, HINTS, Hasher, SALTS};
use crate::seals::single_column;
use crate::wire::{Unusual, Usual};

/// Leaves of one block at most.
const MOST: usize = 256;

/// By lane, up to which number it is sealed, and how many places the lanes before it have.
type Lanes = FxHashMap<i32, (i64, usize)>;

/// The hashes of the leaves in their order, and the columns of their blocks; None where Python must look at an entry.
///
/// `entries` are rows with one column, what `record_send` gives; `lanes` have lane, number so far, and how many places come before,
/// by which an entry finds its 48 bytes of `salts`. The first leaf is number `size`.
#[pyfunction]
pub fn seal_leaves<'py>(
    py: Python<'py>,
    entries: &Bound<'py, PyList>,
    lanes: Vec<(i32, i64, usize)>,
    salts: &[u8],
    size: i64,
) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let Ok(held) = single_column(entries) else { return Ok(None) };
    let records: Vec<&[u8]> = held.iter().map(PyBytesMethods::as_bytes).collect();
    let lanes: Lanes = lanes.into_iter().map(|(lane, seen, before)| (lane, (seen, before))).collect();
    match py.detach(|| sealed(&records, &lanes, salts)) {
        Ok((hashes, blocks)) => {
            let columns = columns(py, &blocks, size)?;
            (PyBytes::new(py, &hashes), columns).into_pyobject(py).map(Some)
        }
        Err(Unusual) => Ok(None),
    }
}

#[derive(Default)]
struct New {
    lane: i32,
    first_seq: i64,
    last_seq: i64,
    kinds: Vec<u8>,
    seqs: Vec<u8>,
    event_ids: Vec<u8>,
    times: Vec<u8>,
    bodies: Vec<u8>,
    hints: Vec<u8>,
    salts: Vec<u8>,
}

fn sealed(records: &[&[u8]], lanes: &Lanes, salts: &[u8]) -> Usual<(Vec<u8>, Vec<New>)> {
    let mut entries = records.iter().map(|record| Entry::read(record)).collect::<Usual<Vec<_>>>()?;
    entries.sort_unstable_by_key(|entry| (entry.lane, entry.seq, entry.kind, entry.event_id));
    let mut hasher = Hasher::default();
    let mut all = Vec::with_capacity(HASH * entries.len());
    let mut blocks: Vec<New> = Vec::new();
    for entry in &entries {
        let block = match blocks.last_mut() {
            Some(block) if block.lane == entry.lane && block.kinds.len() < MOST => block,
            _ => {
                blocks.push(New { lane: entry.lane, first_seq: entry.seq, ..New::default() });
                blocks.last_mut().ok_or(Unusual)?
            }
        };
        let mut hints = [0; HINTS];
        let mut own: &[u8] = &[0; SALTS];
        let body = if entry.kind == b'r' {
            own = salts_of(entry, lanes, salts)?;
            let committed = hasher.row(entry, own)?;
            hints = committed.hints();
            hasher.body_of_row(&committed, committed.duration)
        } else {
            hasher.body_of_other(entry)?
        };
        all.extend(hasher.leaf(entry.kind, &entry.event_id, entry.at, entry.lane, entry.seq, &body)?);
        block.last_seq = entry.seq;
        block.kinds.push(entry.kind);
        block.seqs.extend(entry.seq.to_be_bytes());
        block.event_ids.extend(entry.event_id);
        block.times.extend(entry.at.to_be_bytes());
        block.bodies.extend(body);
        block.hints.extend(hints);
        block.salts.extend(own);
    }
    Ok((all, blocks))
}

fn salts_of<'a>(entry: &Entry<'_>, lanes: &Lanes, salts: &'a [u8]) -> Usual<&'a [u8]> {
    let (seen, before) = lanes.get(&entry.lane).ok_or(Unusual)?;
    let place = entry.seq.checked_sub(seen + 1).and_then(|place| usize::try_from(place).ok()).ok_or(Unusual)?;
    let start = SALTS * (before + place);
    salts.get(start..start + SALTS).ok_or(Unusual)
}

/// Lists, in the order of the columns that are written.
fn columns<'py>(py: Python<'py>, blocks: &[New], size: i64) -> PyResult<Bound<'py, PyTuple>> {
    let counts = || blocks.iter().map(|block| block.kinds.len());
    let firsts = counts().scan(size, |first_leaf, count| {
        let this = *first_leaf;
        *first_leaf += i64::try_from(count).unwrap_or(0);
        Some(this)
    });
    let bytes =
        |column: fn(&New) -> &Vec<u8>| PyList::new(py, blocks.iter().map(|block| PyBytes::new(py, column(block))));
    (
        PyList::new(py, firsts.collect::<Vec<_>>())?,
        PyList::new(py, blocks.iter().map(|block| block.lane))?,
        PyList::new(py, blocks.iter().map(|block| block.first_seq))?,
        PyList::new(py, blocks.iter().map(|block| block.last_seq))?,
        PyList::new(py, counts().collect::<Vec<_>>())?,
        bytes(|block| &block.kinds)?,
        bytes(|block| &block.seqs)?,
        bytes(|block| &block.event_ids)?,
        bytes(|block| &block.times)?,
        bytes(|block| &block.bodies)?,
        bytes(|block| &block.hints)?,
        bytes(|block| &block.salts)?,
    )
        .into_pyobject(py)
}
