//! One log record becomes one row: what `prelude_exporter.mapping.Mapper.event` does, for records without anything odd.

use std::borrow::Cow;

use blake2b_simd::Params;

use crate::catalogue::{Activity, Catalogue};
use crate::ids::{event_id_from_uid, trace_context};
use crate::json;
use crate::value::{Map, Value, key_of, value_of};
use crate::wire::{Content, Reader, Unusual, Usual};

pub type Text<'a> = Option<Cow<'a, str>>;

const PREFIX: &[u8] = b"prelude.";
const PROBE: &[u8] = b"prelude.probe";
const ACTION_TYPE: &[u8] = b"prelude.action.type";
const ACTION_NAME: &[u8] = b"prelude.action.name";
const STATUSES: [&str; 4] = ["success", "error", "pending", "timeout"];
const LONGEST_PAGE_URL: usize = 2000;
const LONGEST_FROM_EVENT_NAME: usize = 128;
const LONGEST_JSON: usize = 256 * 1024;
const MOST_TEXTS: usize = 100;

/// As `prelude_store.row.ActivityRow`, in its order.
pub struct Row<'a> {
    pub timestamp_us: u64,
    pub event_id: Cow<'a, str>,
    pub user_email: Text<'a>,
    pub session_id: Text<'a>,
    pub action_type: Cow<'a, str>,
    pub action_name: Cow<'a, str>,
    pub action_category: Text<'a>,
    pub entity_type: Text<'a>,
    pub entity_id: Text<'a>,
    pub page_url: Text<'a>,
    pub page_route: Text<'a>,
    pub service_name: Option<&'a str>,
    pub user_agent: Text<'a>,
    pub ip_address: Text<'a>,
    pub action_data: Option<String>,
    pub result_status: &'static str,
    pub result_data: Option<String>,
    pub duration_ms: Option<i32>,
    pub tags: Option<Vec<&'a str>>,
    pub completes_event_id: Text<'a>,
    pub personal_paths: Option<Vec<&'a str>>,
    pub trace_id: Option<String>,
    pub span_id: Option<String>,
    pub content_hash: [u8; 16],
    pub waits: bool,
}

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

/// The attributes that the contract knows, read; as `prelude_exporter.fields.Cells`.
#[derive(Default)]
struct Cells<'a> {
    seen: u32,
    uid: Text<'a>,
    user_email: Text<'a>,
    session_id: Text<'a>,
    action_type: Text<'a>,
    action_name: Text<'a>,
    action_category: Text<'a>,
    entity_type: Text<'a>,
    entity_id: Text<'a>,
    page_url: Text<'a>,
    page_route: Text<'a>,
    user_agent: Text<'a>,
    ip_address: Text<'a>,
    action_data: Map<'a>,
    result_status: Text<'a>,
    result_data: Map<'a>,
    duration_ns: Option<i64>,
    span_join: Option<bool>,
    tags: Option<Vec<&'a str>>,
    completes: Text<'a>,
    personal_paths: Option<Vec<&'a str>>,
    error_type: Text<'a>,
    http_status: Option<i64>,
    handler_ran: Option<bool>,
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
    let holds = |key| record.attributes.iter().any(|&(from, to)| holds(all, from, to, key));
    if !(record.event_name.starts_with(PREFIX) || holds(ACTION_TYPE) && holds(ACTION_NAME)) {
        return Ok(None);
    }
    let mut cells = Cells::default();
    for &(from, to) in &record.attributes {
        cells.read(all, from, to)?;
    }
    record.row(cells, service, catalogue).map(Some)
}

/// Whether the `KeyValue` has this key, as `prelude_exporter.decode` looks at it: by its first bytes.
fn holds(all: &[u8], at: usize, stop: usize, key: &[u8]) -> bool {
    let Some([0x0A, size, rest @ ..]) = all.get(at..stop) else { return false };
    usize::from(*size) == key.len() && rest.strip_prefix(key).is_some_and(|after| after.first() == Some(&0x12))
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

impl<'a> Cells<'a> {
    /// Reads the `KeyValue` between `at` and `stop`.
    fn read(&mut self, all: &'a [u8], at: usize, stop: usize) -> Usual<()> {
        let (key, start) = key_of(all, at, stop)?;
        let value = || value_of(all, start, stop);
        let cell = match key {
            b"log.record.uid" => (0, text(value()?, LONGEST_JSON).map(|text| self.uid = text)),
            b"user.email" => (1, email(value()?).map(|text| self.user_email = text)),
            b"session.id" => (2, text(value()?, 200).map(|text| self.session_id = text)),
            b"prelude.action.type" => (3, text(value()?, 128).map(|text| self.action_type = text)),
            b"prelude.action.name" => (4, text(value()?, 200).map(|text| self.action_name = text)),
            b"prelude.action.category" => (5, text(value()?, 200).map(|text| self.action_category = text)),
            b"prelude.entity.type" => (6, text(value()?, 128).map(|text| self.entity_type = text)),
            b"prelude.entity.id" => (7, text(value()?, 200).map(|text| self.entity_id = text)),
            b"prelude.page.url" => (8, text(value()?, LONGEST_PAGE_URL).map(|text| self.page_url = text)),
            b"prelude.page.route" => (9, text(value()?, 500).map(|text| self.page_route = text)),
            b"user_agent.original" => (10, text(value()?, 500).map(|text| self.user_agent = text)),
            b"client.address" => (11, text(value()?, 128).map(|text| self.ip_address = text)),
            b"prelude.action.data" => (12, map(value()?).map(|items| self.action_data = items)),
            b"prelude.result.status" => (13, text(value()?, 128).map(|text| self.result_status = text)),
            b"prelude.result.data" => (14, map(value()?).map(|items| self.result_data = items)),
            b"prelude.span.duration_ns" => (15, integer(&value()?).map(|number| self.duration_ns = number)),
            b"prelude.span.join" => (16, boolean(&value()?).map(|truth| self.span_join = truth)),
            b"prelude.tags" => (17, texts(value()?).map(|texts| self.tags = texts)),
            b"prelude.completes" => (18, text(value()?, LONGEST_JSON).map(|text| self.completes = text)),
            b"prelude.personal" => (19, texts(value()?).map(|texts| self.personal_paths = texts)),
            b"error.type" => (20, text(value()?, 200).map(|text| self.error_type = text)),
            b"http.response.status_code" => (21, integer(&value()?).map(|number| self.http_status = number)),
            b"prelude.handler.ran" => (22, boolean(&value()?).map(|truth| self.handler_ran = truth)),
            b"prelude.probe.id" => return Err(Unusual),
            // Nobody asks what its value is; but a key that long is cut out in another way.
            _ => return if key.len() < 0x80 { Ok(()) } else { Err(Unusual) },
        };
        cell.1?;
        if self.seen & 1 << cell.0 != 0 {
            return Err(Unusual);
        }
        self.seen |= 1 << cell.0;
        Ok(())
    }

    /// Category, entity and page as declared, where the emitter has no catalogue.
    fn fill_in(&mut self, activity: &'a Activity) -> Usual<()> {
        if self.entity_type.is_some() && self.page_route.is_some() && self.action_category.is_some() {
            return Ok(());
        }
        if self.page_url.is_none() && activity.page.is_some() {
            let url = activity.filled_page(&self.action_data, self.entity_id.as_deref())?;
            if url.as_ref().is_some_and(|url| is_longer(url, LONGEST_PAGE_URL)) {
                return Err(Unusual);
            }
            self.page_url = url.map(Cow::Owned);
        }
        let fill = |cell: &mut Text<'a>, declared: &'a Option<String>| {
            if cell.is_none() {
                *cell = declared.as_deref().map(Cow::Borrowed);
            }
        };
        fill(&mut self.action_category, &activity.category);
        fill(&mut self.entity_type, &activity.entity);
        fill(&mut self.page_route, &activity.page);
        Ok(())
    }

    /// `result_data`: what the emitter says, and what its own attributes say of the result.
    fn result(&self) -> Usual<Option<String>> {
        let ours = [
            ("error_type", self.error_type.as_deref().map(Value::Text)),
            ("handler_ran", (self.handler_ran == Some(false)).then_some(Value::Bool(false))),
            ("http_status", self.http_status.map(Value::Int)),
        ];
        if ours.iter().all(|(_, value)| value.is_none()) {
            return object(&self.result_data);
        }
        object(&self.result_data)?; // given alone it must fit, too
        let ours: Map = ours.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        let mut all: Map =
            self.result_data.iter().filter(|item| ours.iter().all(|own| own.0 != item.0)).cloned().collect();
        all.extend(ours);
        all.sort_unstable_by_key(|item| item.0);
        object(&all)
    }
}

impl Row<'_> {
    /// `BLAKE2b` over the row as JSON, without its duration.
    fn hash(&self) -> [u8; 16] {
        let mut out = String::with_capacity(1024);
        out.push_str("[[");
        json::write_integer(&mut out, self.timestamp_us);
        for text in [
            Some(self.event_id.as_ref()),
            self.user_email.as_deref(),
            self.session_id.as_deref(),
            Some(self.action_type.as_ref()),
            Some(self.action_name.as_ref()),
            self.action_category.as_deref(),
            self.entity_type.as_deref(),
            self.entity_id.as_deref(),
            self.page_url.as_deref(),
            self.page_route.as_deref(),
            self.service_name,
            self.user_agent.as_deref(),
            self.ip_address.as_deref(),
            self.action_data.as_deref(),
            Some(self.result_status),
            self.result_data.as_deref(),
        ] {
            out.push(',');
            json::write_optional(&mut out, text);
        }
        out.push_str("],[");
        push_texts(&mut out, self.tags.as_deref());
        out.push(',');
        json::write_optional(&mut out, self.completes_event_id.as_deref());
        out.push(',');
        push_texts(&mut out, self.personal_paths.as_deref());
        for text in [&self.trace_id, &self.span_id] {
            out.push(',');
            json::write_optional(&mut out, text.as_deref());
        }
        out.push_str("]]");
        let mut hash = [0; 16];
        hash.copy_from_slice(Params::new().hash_length(16).hash(out.as_bytes()).as_bytes());
        hash
    }
}

fn push_texts(out: &mut String, texts: Option<&[&str]>) {
    let Some(texts) = texts else { return out.push_str("null") };
    out.push('[');
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        json::write_text(out, text);
    }
    out.push(']');
}

/// A map as JSON; None for an empty one.
fn object(items: &Map) -> Usual<Option<String>> {
    if items.is_empty() {
        return Ok(None);
    }
    let mut out = String::with_capacity(128);
    json::write_map(&mut out, items)?;
    if out.len() > LONGEST_JSON { Err(Unusual) } else { Ok(Some(out)) }
}

/// Text of at most `limit` characters; numbers and booleans become text, empty text is none.
fn text(value: Value<'_>, limit: usize) -> Usual<Text<'_>> {
    Ok(match value {
        Value::Null | Value::Text("") => None,
        Value::Text(text) if is_longer(text, limit) => return Err(Unusual),
        Value::Text(text) => Some(Cow::Borrowed(text)),
        Value::Bool(truth) => Some(Cow::Borrowed(if truth { "true" } else { "false" })),
        Value::Int(number) => Some(Cow::Owned(number.to_string())),
        _ => return Err(Unusual),
    })
}

fn is_longer(text: &str, limit: usize) -> bool {
    text.len() > limit && text.chars().count() > limit
}

/// An address in its one form, where that takes no Unicode.
fn email(value: Value<'_>) -> Usual<Text<'_>> {
    let Some(text) = text(value, 320)? else { return Ok(None) };
    if !text.is_ascii() || text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(Unusual);
    }
    let one_form = |byte: u8| byte != b' ' && !byte.is_ascii_uppercase();
    Ok(match text {
        Cow::Borrowed(text) if text.bytes().all(one_form) => Some(Cow::Borrowed(text)),
        text => Some(text.trim_matches(' ').to_ascii_lowercase()).filter(|text| !text.is_empty()).map(Cow::Owned),
    })
}

fn integer(value: &Value) -> Usual<Option<i64>> {
    match value {
        Value::Null => Ok(None),
        Value::Int(number) => Ok(Some(*number)),
        _ => Err(Unusual),
    }
}

fn boolean(value: &Value) -> Usual<Option<bool>> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(truth) => Ok(Some(*truth)),
        _ => Err(Unusual),
    }
}

fn map(value: Value<'_>) -> Usual<Map<'_>> {
    match value {
        Value::Null => Ok(Map::new()),
        Value::Map(items) => Ok(items),
        _ => Err(Unusual),
    }
}

/// A list of texts, without empty ones; a single text is a list of one.
fn texts(value: Value<'_>) -> Usual<Option<Vec<&str>>> {
    let items = match value {
        Value::Null => return Ok(None),
        Value::List(items) if items.len() > MOST_TEXTS => return Err(Unusual),
        Value::List(items) => items,
        single => vec![single],
    };
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Value::Text(text) if is_longer(text, 200) => return Err(Unusual),
            Value::Text("") => {}
            Value::Text(text) => texts.push(text),
            _ => return Err(Unusual),
        }
    }
    Ok(if texts.is_empty() { None } else { Some(texts) })
}

/// Whether a varint is an `int32`, negative ones in ten bytes.
fn is_i32(number: u64) -> bool {
    i32::try_from(i64::from_le_bytes(number.to_le_bytes())).is_ok()
}

/// As `prelude_otel.contract.duration`.
fn duration_ms(span_ns: i64) -> i32 {
    i32::try_from((i128::from(span_ns.max(0)) + 500_000) / 1_000_000).unwrap_or(i32::MAX)
}
