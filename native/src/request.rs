//! A whole request: which records became rows, and which are left to Python.

use crate::catalogue::Catalogue;
use crate::record;
use crate::row::Row;
use crate::value::{Value, key_of, value_of};
use crate::wire::{Content, Reader, Unusual, Usual, check};

const LONGEST_SERVICE_NAME: usize = 200;

/// Which resource, scope and record of the request.
pub type Place = (u32, u32, u32);

/// A record that Python maps.
pub struct Odd<'a> {
    /// How many rows come before it.
    pub before: usize,
    pub place: Place,
    pub start: usize,
    pub stop: usize,
    pub service: Option<&'a str>,
}

/// What a request of logs holds.
#[derive(Default)]
pub struct Logs<'a> {
    pub rows: Vec<Row<'a>>,
    /// Parallel to `rows`.
    pub places: Vec<Place>,
    pub odd: Vec<Odd<'a>>,
    pub passed_over: usize,
    /// How many messages more there may be: resources, scopes and records.
    left: usize,
}

/// Decodes an `ExportLogsServiceRequest`; unusual where its frame is, or it has more messages than `most`: then all of it is Python's.
pub fn logs<'a>(
    all: &'a [u8],
    catalogue: &'a Catalogue,
    most: usize,
    allowed: impl Fn(Option<&str>) -> bool,
) -> Usual<Logs<'a>> {
    let mut logs = Logs { left: most, ..Logs::default() };
    let mut outer = 0;
    each(all, 0, all.len(), |number, content| {
        if let (1, Content::Bytes(at, stop)) = (number, content) {
            logs.resource(all, at, stop, outer, catalogue, &allowed)?;
            outer += 1;
            return Ok(());
        }
        passed_over(number, 1)
    })?;
    Ok(logs)
}

impl<'a> Logs<'a> {
    fn resource(
        &mut self,
        all: &'a [u8],
        at: usize,
        stop: usize,
        outer: u32,
        catalogue: &'a Catalogue,
        allowed: &impl Fn(Option<&str>) -> bool,
    ) -> Usual<()> {
        self.count()?;
        let service = service_name(all, at, stop)?;
        if !allowed(service) {
            return Err(Unusual);
        }
        let mut inner = 0;
        each(all, at, stop, |number, content| {
            match (number, content) {
                (1 | 3, Content::Bytes(..)) => {}
                (2, Content::Bytes(at, stop)) => {
                    self.scope(all, at, stop, (outer, inner), service, catalogue)?;
                    inner += 1;
                }
                _ => passed_over(number, 3)?,
            }
            Ok(())
        })
    }

    fn count(&mut self) -> Usual<()> {
        self.left = self.left.checked_sub(1).ok_or(Unusual)?;
        Ok(())
    }

    fn scope(
        &mut self,
        all: &'a [u8],
        at: usize,
        stop: usize,
        within: (u32, u32),
        service: Option<&'a str>,
        catalogue: &'a Catalogue,
    ) -> Usual<()> {
        self.count()?;
        let mut index = 0;
        each(all, at, stop, |number, content| {
            match (number, content) {
                (2, Content::Bytes(start, stop)) => {
                    let place = (within.0, within.1, index);
                    index += 1;
                    self.count()?;
                    match record::row(all, start, stop, service, catalogue) {
                        Ok(Some(row)) => {
                            self.rows.push(row);
                            self.places.push(place);
                        }
                        Ok(None) => self.passed_over += 1,
                        Err(Unusual) => self.odd.push(Odd { before: self.rows.len(), place, start, stop, service }),
                    }
                }
                (1, Content::Bytes(at, stop)) => check(all, at, stop)?,
                (3, Content::Bytes(..)) => {}
                _ => passed_over(number, 3)?,
            }
            Ok(())
        })
    }
}

/// Calls `found` with number and content of each field of a message.
fn each(all: &[u8], at: usize, stop: usize, mut found: impl FnMut(u64, Content) -> Usual<()>) -> Usual<()> {
    let mut reader = Reader::new(all, at, stop);
    while let Some((number, content)) = reader.next()? {
        found(number, content)?;
    }
    Ok(())
}

/// A field beyond those that are known is passed over; one of the known in another form is unusual.
fn passed_over(number: u64, last_known: u64) -> Usual<()> {
    if number > last_known { Ok(()) } else { Err(Unusual) }
}

/// `service.name` of the resource of a `ResourceLogs`.
fn service_name(all: &[u8], at: usize, stop: usize) -> Usual<Option<&str>> {
    let mut resource = None;
    each(all, at, stop, |number, content| {
        if let (1, Content::Bytes(at, stop)) = (number, content)
            && resource.replace((at, stop)).is_some()
        {
            return Err(Unusual); // two are merged
        }
        Ok(())
    })?;
    let Some((at, stop)) = resource else { return Ok(None) };
    let mut found = None;
    each(all, at, stop, |number, content| {
        match (number, content) {
            (1, Content::Bytes(at, stop)) if found.is_none() => {
                let (key, start, end) = key_of(all, at, stop)?;
                let value = value_of(all, start, end)?;
                if key == b"service.name" {
                    found = Some(match value {
                        Value::Text(name) if name.len() > LONGEST_SERVICE_NAME => return Err(Unusual),
                        Value::Text(name) => Some(name).filter(|name| !name.is_empty()),
                        _ => None,
                    });
                }
            }
            (1, Content::Bytes(..)) | (2, Content::Varint(_)) => {}
            (3, Content::Bytes(at, stop)) => check(all, at, stop)?,
            _ => passed_over(number, 3)?,
        }
        Ok(())
    })?;
    Ok(found.flatten())
}
