//! The attributes that the contract knows: what `prelude_exporter.decoding.fields` and its readers do, where the value is as it should be.

use std::borrow::Cow;

use crate::catalogue::Activity;
use crate::json;
use crate::row::Text;
use crate::value::{Map, Value, key_of, value_of};
use crate::wire::{Unusual, Usual};

const LONGEST_PAGE_URL: usize = 2000;
const LONGEST_JSON: usize = 256 * 1024;
const MOST_TEXTS: usize = 100;

/// All of them; as `prelude_exporter.decoding.fields.Cells`.
#[derive(Default)]
pub struct Cells<'a> {
    seen: u32,
    pub uid: Text<'a>,
    pub user_email: Text<'a>,
    pub session_id: Text<'a>,
    pub action_type: Text<'a>,
    pub action_name: Text<'a>,
    pub action_category: Text<'a>,
    pub entity_type: Text<'a>,
    pub entity_id: Text<'a>,
    pub page_url: Text<'a>,
    pub page_route: Text<'a>,
    pub user_agent: Text<'a>,
    pub ip_address: Text<'a>,
    pub action_data: Map<'a>,
    pub result_status: Text<'a>,
    pub result_data: Map<'a>,
    pub duration_ns: Option<i64>,
    pub span_join: Option<bool>,
    pub tags: Option<Vec<&'a str>>,
    pub completes: Text<'a>,
    pub personal_paths: Option<Vec<&'a str>>,
    pub error_type: Text<'a>,
    pub http_status: Option<i64>,
    pub handler_ran: Option<bool>,
}

impl<'a> Cells<'a> {
    /// Reads the `KeyValue` between `at` and `stop`.
    pub fn read(&mut self, all: &'a [u8], at: usize, stop: usize) -> Usual<()> {
        let (key, start, end) = key_of(all, at, stop)?;
        let value = || value_of(all, start, end);
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
    pub fn fill_in(&mut self, activity: &'a Activity) -> Usual<()> {
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
    pub fn result(&self) -> Usual<Option<String>> {
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

/// A map as JSON; None for an empty one.
pub fn object(items: &Map) -> Usual<Option<String>> {
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
