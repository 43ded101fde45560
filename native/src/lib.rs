//! The hot loops of prelude-otel's exporter and sealer, compiled: the same results as the Python ones, to the byte.
//!
//! What is unusual in any way is not decided here: it is handed back, and Python decides.

mod build;
mod catalogue;
mod cells;
mod copy;
mod ids;
mod json;
mod record;
mod request;
mod row;
mod seals;
mod value;
mod wire;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::build::Builder;
use crate::catalogue::{Activity, Catalogue};
use crate::wire::Unusual;

/// Decodes requests; what it gives back as None, or as odd, is Python's to decode.
#[pyclass(frozen)]
struct Decoder {
    catalogue: Catalogue,
    row_type: Py<PyAny>,
    max_records: usize,
}

#[pymethods]
impl Decoder {
    /// `row_type` is `ActivityRow`, `types` the action types of the contract, `activities` the catalogue as dictionaries.
    #[new]
    fn new(row_type: Py<PyAny>, types: Vec<String>, activities: Vec<Activity>, max_records: Option<usize>) -> Self {
        let max_records = max_records.unwrap_or(usize::MAX);
        Decoder { catalogue: Catalogue::new(types, activities), row_type, max_records }
    }

    /// Rows, their origins, odd records and the number of records passed over; None where Python must decode the whole request.
    #[pyo3(signature = (request, holder, services=None))]
    fn logs<'py>(
        &self,
        py: Python<'py>,
        request: &Bound<'py, PyBytes>,
        holder: &Bound<'py, PyAny>,
        services: Option<HashSet<String>>,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let all = request.as_bytes();
        let allowed = |service: Option<&str>| match &services {
            None => true,
            Some(services) => service.is_some_and(|name| services.contains(name)),
        };
        let found = py.detach(|| {
            // A panic would be a bug of ours; it shall cost time and no record.
            catch_unwind(AssertUnwindSafe(|| request::logs(all, &self.catalogue, self.max_records, allowed)))
                .unwrap_or(Err(Unusual))
        });
        match found {
            Ok(found) => Builder::new(py, self.row_type.bind(py))?.logs(&found, holder).map(Some),
            Err(Unusual) => Ok(None),
        }
    }
}

#[pymodule]
mod prelude_native {
    #[pymodule_export]
    use super::Decoder;
    #[pymodule_export]
    use super::copy::copy_text;
    #[pymodule_export]
    use super::seals::{bundle_lines, compare_leaves, fold_hashes, leaf_hashes, seal_leaves};

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "a name of Python's")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
