//! Rows as the text that COPY takes: what `prelude_store.copy_text` does.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use crate::ids::push_hex;
use crate::json::write_integer;

const NULL: char = '\x7f';
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400;
/// The first second of the year 10000, which has five digits.
const YEAR_10000: i64 = 253_402_300_800;

/// COPY lines of `rows`, numbered in `lane` from `first_seq` on; None where a row holds anything that Python must look at.
#[pyfunction]
pub fn copy_text<'py>(rows: &Bound<'py, PyList>, lane: i64, first_seq: i64) -> Option<Bound<'py, PyBytes>> {
    let mut lines = Lines { out: String::with_capacity(rows.len() * 1024), second: -1, prefix: String::new() };
    for (seq, row) in (first_seq..).zip(rows) {
        lines.row(row.cast::<PyTuple>().ok()?, lane, seq)?;
    }
    Some(PyBytes::new(rows.py(), lines.out.as_bytes()))
}

struct Lines {
    out: String,
    second: i64,
    /// Date and time of `second`.
    prefix: String,
}

impl Lines {
    fn row(&mut self, row: &Bound<'_, PyTuple>, lane: i64, seq: i64) -> Option<()> {
        self.moment(row.get_borrowed_item(0).ok()?.extract().ok()?)?;
        for place in (1..17).chain([19, 21, 22]) {
            self.out.push('\t');
            let cell = row.get_borrowed_item(place).ok()?;
            if cell.is_none() {
                self.out.push(NULL);
            } else {
                self.escaped(cell.cast::<PyString>().ok()?.to_str().ok()?)?;
            }
        }
        self.out.push('\t');
        match row.get_borrowed_item(17).ok()?.extract::<Option<i64>>().ok()? {
            None => self.out.push(NULL),
            Some(duration) => write_integer(&mut self.out, duration),
        }
        for place in [18, 20] {
            self.out.push('\t');
            let cell = row.get_borrowed_item(place).ok()?;
            if cell.is_none() {
                self.out.push(NULL);
            } else {
                self.array(cell.cast::<PyTuple>().ok()?)?;
            }
        }
        self.out.push_str("\t\\\\x");
        push_hex(&mut self.out, row.get_borrowed_item(23).ok()?.cast::<PyBytes>().ok()?.as_bytes());
        self.out.push('\t');
        write_integer(&mut self.out, lane);
        self.out.push('\t');
        write_integer(&mut self.out, seq);
        self.out.push('\n');
        Some(())
    }

    fn moment(&mut self, timestamp_us: i64) -> Option<()> {
        let second = timestamp_us.div_euclid(SECOND);
        if !(0..YEAR_10000).contains(&second) {
            return None;
        }
        if second != self.second {
            self.second = second;
            self.prefix.clear();
            let (year, month, day) = date(second / DAY);
            let rest = second % DAY;
            two(&mut self.prefix, year / 100);
            for (before, number) in [
                ("", year % 100),
                ("-", month),
                ("-", day),
                (" ", rest / 3600),
                (":", rest / 60 % 60),
                (":", rest % 60),
            ] {
                self.prefix.push_str(before);
                two(&mut self.prefix, number);
            }
            self.prefix.push('.');
        }
        self.out.push_str(&self.prefix);
        let micros = timestamp_us.rem_euclid(SECOND);
        for number in [micros / 10_000, micros / 100 % 100, micros % 100] {
            two(&mut self.out, number);
        }
        self.out.push_str("+00");
        Some(())
    }

    /// Appends `text` with a backslash before what COPY would misread; None where the sign of NULL is in it.
    fn escaped(&mut self, text: &str) -> Option<()> {
        let mut written = 0;
        for (place, byte) in text.bytes().enumerate() {
            let short = match byte {
                b'\\' => "\\\\",
                b'\t' => "\\t",
                b'\n' => "\\n",
                b'\r' => "\\r",
                0x7F => return None,
                _ => continue,
            };
            self.out.push_str(&text[written..place]);
            self.out.push_str(short);
            written = place + 1;
        }
        self.out.push_str(&text[written..]);
        Some(())
    }

    /// Appends the literal of a `text[]`.
    fn array(&mut self, texts: Borrowed<'_, '_, PyTuple>) -> Option<()> {
        let mut literal = String::from("{");
        for (index, text) in texts.iter_borrowed().enumerate() {
            literal.push_str(if index > 0 { ",\"" } else { "\"" });
            for character in text.cast::<PyString>().ok()?.to_str().ok()?.chars() {
                if matches!(character, '"' | '\\') {
                    literal.push('\\');
                }
                literal.push(character);
            }
            literal.push('"');
        }
        literal.push('}');
        self.escaped(&literal)
    }
}

fn two(out: &mut String, number: i64) {
    for digit in [number / 10, number % 10] {
        out.push(char::from(b'0' + u8::try_from(digit % 10).unwrap_or(0)));
    }
}

/// Year, month and day of this many days after 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}
