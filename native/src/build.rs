//! Python objects of what was decoded.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyList, PyNone, PyString, PyTuple, PyType};
use rustc_hash::FxHashMap;

use crate::request::Logs;
use crate::row::Row;

/// Makes rows; texts that repeat are made once.
pub struct Builder<'py, 'a> {
    py: Python<'py>,
    row_type: &'a Bound<'py, PyAny>,
    new_tuple: Bound<'py, PyAny>,
    none: Bound<'py, PyAny>,
    known: FxHashMap<&'a str, Bound<'py, PyString>>,
}

impl<'py, 'a> Builder<'py, 'a> {
    pub fn new(py: Python<'py>, row_type: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        Ok(Builder {
            py,
            row_type,
            new_tuple: PyType::new::<PyTuple>(py).getattr("__new__")?,
            none: PyNone::get(py).to_owned().into_any(),
            known: FxHashMap::default(),
        })
    }

    pub fn logs(mut self, logs: &'a Logs<'a>, holder: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let py = self.py;
        let rows = logs.rows.iter().map(|row| self.row(row)).collect::<PyResult<Vec<_>>>()?;
        let places = logs.places.iter().map(|(outer, scope, record)| (holder, outer, scope, record));
        let odd = logs.odd.iter().map(|odd| (odd.before, odd.place, odd.start, odd.stop, odd.service));
        (PyList::new(py, rows)?, PyList::new(py, places)?, PyList::new(py, odd)?, logs.passed_over).into_pyobject(py)
    }

    fn row(&mut self, row: &'a Row<'a>) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let cells = [
            row.timestamp_us.into_pyobject(py)?.into_any(),
            self.single(Some(&row.event_id)),
            self.repeated(row.user_email.as_deref()),
            self.repeated(row.session_id.as_deref()),
            self.repeated(Some(&row.action_type)),
            self.repeated(Some(&row.action_name)),
            self.repeated(row.action_category.as_deref()),
            self.repeated(row.entity_type.as_deref()),
            self.single(row.entity_id.as_deref()),
            self.single(row.page_url.as_deref()),
            self.repeated(row.page_route.as_deref()),
            self.repeated(row.service_name),
            self.repeated(row.user_agent.as_deref()),
            self.repeated(row.ip_address.as_deref()),
            self.single(row.action_data.as_deref()),
            self.repeated(Some(row.result_status)),
            self.single(row.result_data.as_deref()),
            row.duration_ms.into_pyobject(py)?,
            self.texts(row.tags.as_deref())?,
            self.single(row.completes_event_id.as_deref()),
            self.texts(row.personal_paths.as_deref())?,
            self.single(row.trace_id.as_deref()),
            self.single(row.span_id.as_deref()),
            PyBytes::new(py, &row.content_hash).into_any(),
            PyBool::new(py, row.waits).to_owned().into_any(),
        ];
        self.new_tuple.call1((self.row_type, PyTuple::new(py, cells)?))
    }

    fn single(&self, text: Option<&str>) -> Bound<'py, PyAny> {
        text.map_or_else(|| self.none.clone(), |text| PyString::new(self.py, text).into_any())
    }

    fn repeated(&mut self, text: Option<&'a str>) -> Bound<'py, PyAny> {
        let Some(text) = text else { return self.none.clone() };
        self.known.entry(text).or_insert_with(|| PyString::new(self.py, text)).clone().into_any()
    }

    fn texts(&mut self, texts: Option<&'a [&'a str]>) -> PyResult<Bound<'py, PyAny>> {
        let Some(texts) = texts else { return Ok(self.none.clone()) };
        let texts: Vec<_> = texts.iter().map(|text| self.repeated(Some(text))).collect();
        Ok(PyTuple::new(self.py, texts)?.into_any())
    }
}
