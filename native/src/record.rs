//! One log record becomes one row: what `prelude_exporter.decoding.mapping.Mapper.event` does, for records without anything odd.

use std::borrow::Cow;

use crate::catalogue::Catalogue;
use crate::cells::{Cells, object};
use crate::ids::{event_id_from_uid, trace_context};
use crate::row::Row;
use crate::value::key_of;
use crate::wire::{Content, Reader, Unusual, Usual};

const PREFIX: &[u8] = b"prelude.";
const PROBE: &[u8] = b"prelude.probe";
const ACTION_TYPE: &[u8] = b"prelude.action.type";
const ACTION_NAME: &[u8] = b"prelude.action.name";
const STATUSES: [&str; 4] = ["success", "error", "pending", "timeout"];
const LONGEST_FROM_EVENT_NAME: usize = 128;

/// The fields of a `LogRecord` that a row is made of.
#[derive(Default)]
struct Record<'a> {
    time_ns: u64,
    observed_ns: u64,
    event_name: &'a [u8],
    trace_id: &'a [u8],
    span_id: &'a [u8],
    /// Where each `KeyValue` starts and stops.
    attributes: Vec<(usize, usize)>,
}

/// The row of the `LogRecord` between `at` and `stop`; None where it is no activity.
pub fn row<'a>(
    all: &'a [u8],
    at: usize,
    stop: usize,
    service: Option<&'a str>,
    catalogue: &'a Catalogue,
) -> Usual<Option<Row<'a>>> {
    let record = Record::read(all, at, stop)?;
    if record.event_name == PROBE {
        return Err(Unusual);
    }
    if !(record.event_name.starts_with(PREFIX) || record.says_type_and_name(all)?) {
        return Ok(None);
    }
    let mut cells = Cells::default();
    for &(from, to) in &record.attributes {
        cells.read(all, from, to)?;
    }
    record.row(cells, service, catalogue).map(Some)
}

impl<'a> Record<'a> {
    fn read(all: &'a [u8], at: usize, stop: usize) -> Usual<Self> {
        let mut record = Record { attributes: Vec::with_capacity(20), ..Record::default() };
        let mut seen = 0_u32;
        let mut reader = Reader::new(all, at, stop);
        while let Some((number, content)) = reader.next()? {
            match (number, content) {
                (6, Content::Bytes(from, to)) => record.attributes.push((from, to)),
                (1, Content::Fixed64(time)) => record.time_ns = time,
                (11, Content::Fixed64(time)) => record.observed_ns = time,
                (9, Content::Bytes(from, to)) => record.trace_id = &all[from..to],
                (10, Content::Bytes(from, to)) => record.span_id = &all[from..to],
                (12, Content::Bytes(from, to)) => record.event_name = &all[from..to],
                (3 | 5, Content::Bytes(..)) | (8, Content::Fixed32) => {}
                (2, Content::Varint(severity)) if is_i32(severity) => {}
                (7, Content::Varint(dropped)) if u32::try_from(dropped).is_ok() => {}
                _ => return Err(Unusual),
            }
            if number != 6 {
                if seen & 1 << number != 0 {
                    return Err(Unusual);
                }
                seen |= 1 << number;
            }
        }
        Ok(record)
    }

    /// Whether it is an activity though its event's name does not say so.
    fn says_type_and_name(&self, all: &[u8]) -> Usual<bool> {
        let (mut says_type, mut says_name) = (false, false);
        for &(from, to) in &self.attributes {
            match key_of(all, from, to)?.0 {
                ACTION_TYPE => says_type = true,
                ACTION_NAME => says_name = true,
                _ => {}
            }
        }
        Ok(says_type && says_name)
    }

    fn row(&self, mut cells: Cells<'a>, service: Option<&'a str>, catalogue: &'a Catalogue) -> Usual<Row<'a>> {
        let time_ns = if self.time_ns == 0 { self.observed_ns } else { self.time_ns };
        if time_ns == 0 {
            return Err(Unusual);
        }
        let (action_type, action_name) = self.action(&mut cells)?;
        let declared = catalogue.of_type(&action_type).ok_or(Unusual)?;
        let result_status = match cells.result_status.as_deref() {
            None => STATUSES[0],
            Some(status) => STATUSES.into_iter().find(|known| *known == status).ok_or(Unusual)?,
        };
        if let Some(activity) = declared.get(action_name.as_ref()) {
            if !activity.fits(&cells.action_data, cells.entity_id.as_deref()) {
                return Err(Unusual);
            }
            cells.fill_in(activity)?;
        }
        let result_data = cells.result()?;
        let trace_id = trace_context(self.trace_id, 16);
        let span_id = trace_context(self.span_id, 8);
        let waits =
            cells.duration_ns.is_none() && cells.span_join != Some(false) && trace_id.is_some() && span_id.is_some();
        let mut row = Row {
            timestamp_us: time_ns / 1000,
            event_id: match cells.uid {
                Some(Cow::Borrowed(uid)) => event_id_from_uid(uid),
                Some(Cow::Owned(uid)) => Cow::Owned(event_id_from_uid(&uid).into_owned()),
                None => return Err(Unusual),
            },
            user_email: cells.user_email,
            session_id: cells.session_id,
            action_type,
            action_name,
            action_category: cells.action_category,
            entity_type: cells.entity_type,
            entity_id: cells.entity_id,
            page_url: cells.page_url,
            page_route: cells.page_route,
            service_name: service,
            user_agent: cells.user_agent,
            ip_address: cells.ip_address,
            action_data: object(&cells.action_data)?,
            result_status,
            result_data,
            duration_ms: cells.duration_ns.map(duration_ms),
            tags: cells.tags,
            completes_event_id: cells.completes.map(|id| Cow::Owned(event_id_from_uid(&id).into_owned())),
            personal_paths: cells.personal_paths,
            trace_id,
            span_id,
            content_hash: [0; 16],
            waits,
        };
        row.content_hash = row.hash();
        Ok(row)
    }

    /// Type and name of the action, by attributes or else by the event's name.
    fn action(&self, cells: &mut Cells<'a>) -> Usual<(Cow<'a, str>, Cow<'a, str>)> {
        let (given_type, given_name) = (cells.action_type.take(), cells.action_name.take());
        if let (Some(kind), Some(name)) = (&given_type, &given_name) {
            return Ok((kind.clone(), name.clone()));
        }
        let rest = self.event_name.strip_prefix(PREFIX).ok_or(Unusual)?;
        let (kind, name) = std::str::from_utf8(rest).map_err(|_| Unusual)?.split_once('.').ok_or(Unusual)?;
        if kind.is_empty()
            || name.is_empty()
            || rest.len() > LONGEST_FROM_EVENT_NAME
            || !rest.is_ascii()
            || rest.contains(&0)
        {
            return Err(Unusual);
        }
        Ok((given_type.unwrap_or(Cow::Borrowed(kind)), given_name.unwrap_or(Cow::Borrowed(name))))
    }
}

/// Whether a varint is an `int32`, negative ones in ten bytes.
fn is_i32(number: u64) -> bool {
    i32::try_from(i64::from_le_bytes(number.to_le_bytes())).is_ok()
}

/// As `prelude_otel.contract.duration`.
fn duration_ms(span_ns: i64) -> i32 {
    i32::try_from((i128::from(span_ns.max(0)) + 500_000) / 1_000_000).unwrap_or(i32::MAX)
}
