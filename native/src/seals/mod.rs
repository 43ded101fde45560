//! Leaves of seals, as docs/seals.md tells ("The format"): what `prelude_store.seals` does in SQL and Python, to the byte.

mod block;
mod compare;
mod entry;
mod hashes;
mod lines;
mod seal;
mod texts;

pub use compare::{compare_leaves, leaf_hashes};
pub use hashes::fold_hashes;
pub use lines::bundle_lines;
pub use seal::seal_leaves;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::wire::{Unusual, Usual};

/// The values of a column of rows, which each have this one.
fn single_column<'py>(rows: &Bound<'py, PyList>) -> Usual<Vec<Bound<'py, PyBytes>>> {
    rows.iter()
        .map(|row| row.cast_into::<PyTuple>().ok()?.get_item(0).ok()?.cast_into::<PyBytes>().ok())
        .collect::<Option<_>>()
        .ok_or(Unusual)
}
