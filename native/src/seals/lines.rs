//! Lines of a bundle (docs/seals.md, "The bundle"): what `prelude_store.seals.bundle` writes of rows, where nothing is odd.

use std::collections::HashSet;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::ids::{push_hex, push_uuid};
use crate::json::{write_integer, write_text};
use crate::seals::block::{Held, Leaf};
use crate::seals::compare::{Place, pair};
use crate::seals::entry::Entry;
use crate::seals::hashes::Hasher;
use crate::seals::single_column;
use crate::wire::{Unusual, Usual};

/// Lines of leaves of `blocks` in their order, as pieces of (lines, number of the leaf in the batch that Python must write behind them);
/// the lines behind the last of these; and the places that hold what belongs to no line. What lies at the places `apart` is Python's, too.
#[pyfunction]
pub fn bundle_lines<'py>(
    py: Python<'py>,
    blocks: &Bound<'py, PyList>,
    entries: &Bound<'py, PyList>,
    apart: HashSet<Place>,
) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let (Ok(held), Ok(rows)) = (Held::all(blocks), single_column(entries)) else { return Ok(None) };
    let leaves: Vec<_> = held.iter().flat_map(|block| block.view().leaves()).collect();
    let records: Vec<&[u8]> = rows.iter().map(PyBytesMethods::as_bytes).collect();
    let Ok((pieces, rest, places)) = py.detach(|| written(&leaves, &records, &apart)) else { return Ok(None) };
    (pieces, rest, places).into_pyobject(py).map(Some)
}

type Written = (Vec<(String, usize)>, String, Vec<Place>);

fn written(leaves: &[Leaf<'_>], records: &[&[u8]], apart: &HashSet<Place>) -> Usual<Written> {
    let mut hasher = Hasher::default();
    let mut pieces = Vec::new();
    let mut lines = String::new();
    let places = pair(leaves, records, apart, |number, leaf, entry| {
        let before = lines.len();
        let plain = entry.is_some_and(|entry| line(&mut lines, &mut hasher, leaf, entry).is_ok());
        if !plain {
            lines.truncate(before);
            pieces.push((std::mem::take(&mut lines), number));
        }
        plain
    })?;
    Ok((pieces, lines, places))
}

/// Appends the line of a row that is as it was sealed, but for its length, perhaps.
fn line(out: &mut String, hasher: &mut Hasher, leaf: &Leaf<'_>, entry: &Entry<'_>) -> Usual<()> {
    if leaf.kind != b'r' || !leaf.is_of(entry) {
        return Err(Unusual);
    }
    let committed = hasher.row(entry, leaf.salts)?;
    let mut sealed_as = committed.duration;
    if hasher.body_of_row(&committed, sealed_as) != leaf.body {
        sealed_as = None;
        if committed.duration.is_none() || hasher.body_of_row(&committed, None) != leaf.body {
            return Err(Unusual);
        }
    }
    out.push_str("[\"r\",");
    write_integer(out, leaf.lane);
    out.push(',');
    write_integer(out, leaf.seq);
    out.push_str(",\"");
    push_uuid(out, &leaf.event_id);
    out.push_str("\",");
    write_integer(out, leaf.at);
    out.push_str(",\"");
    push_hex(out, leaf.body);
    out.push_str("\",");
    let texts = hasher.texts(entry, sealed_as)?;
    write_text(out, &texts.clear);
    for (text, salt) in texts.classes.iter().zip(leaf.salts.chunks_exact(16)) {
        match text {
            None => out.push_str(",null"),
            Some(text) => {
                out.push_str(",[\"");
                push_hex(out, salt);
                out.push_str("\",");
                write_text(out, text);
                out.push(']');
            }
        }
    }
    if sealed_as != committed.duration {
        out.push(',');
        write_integer(out, committed.duration.ok_or(Unusual)?);
    }
    out.push_str("]\n");
    Ok(())
}
