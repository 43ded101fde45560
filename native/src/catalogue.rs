//! What the catalogue declares, and whether data is as declared already. What is not is for `conform`, in Python.

use pyo3::FromPyObject;
use rustc_hash::FxHashMap;

use crate::value::{Map, Value};
use crate::wire::{Unusual, Usual};

/// In `same_as`: the id of the activity's entity.
const ENTITY_ID: &str = "entity_id";

/// One key of `action_data`, as `prelude_otel.catalogue.Field`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Field {
    name: String,
    kind: String,
    constant: Option<String>,
    same_as: Option<String>,
    aliases: Vec<String>,
    fields: Vec<Field>,
}

/// As `prelude_otel.catalogue.Activity`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Activity {
    r#type: String,
    name: String,
    pub category: Option<String>,
    pub entity: Option<String>,
    pub entity_id: Option<String>,
    pub page: Option<String>,
    /// What stands in braces in `page`.
    pub page_parameters: Vec<String>,
    fields: Vec<Field>,
}

/// Activities by type and name; every type of the contract, also those of which none is declared.
pub struct Catalogue(FxHashMap<String, FxHashMap<String, Activity>>);

impl Catalogue {
    pub fn new(types: Vec<String>, activities: Vec<Activity>) -> Self {
        let mut by_type: FxHashMap<_, FxHashMap<_, _>> =
            types.into_iter().map(|name| (name, FxHashMap::default())).collect();
        for activity in activities {
            by_type.entry(activity.r#type.clone()).or_default().insert(activity.name.clone(), activity);
        }
        Catalogue(by_type)
    }

    /// The declared activities of a type; None where it is none of the contract's.
    pub fn of_type(&self, name: &str) -> Option<&FxHashMap<String, Activity>> {
        self.0.get(name)
    }
}

impl Activity {
    /// Whether `conform` would give `data` back as it is. False also where only `conform` can tell.
    pub fn fits(&self, data: &Map, entity_id: Option<&str>) -> bool {
        fit(&self.fields, data, entity_id)
    }

    /// The page with its parameters filled in, or None where one is not known.
    pub fn filled_page(&self, data: &Map, entity_id: Option<&str>) -> Usual<Option<String>> {
        let Some(page) = &self.page else { return Ok(None) };
        let mut url = page.clone();
        for name in &self.page_parameters {
            let entity = self.entity_id.as_deref().unwrap_or("");
            let value = match find(data, name) {
                _ if name == entity => entity_id.map(str::to_owned),
                None | Some(Value::Null) => None,
                Some(Value::Text(text)) => Some((*text).to_owned()),
                Some(Value::Int(number)) => Some(number.to_string()),
                Some(_) => return Err(Unusual),
            };
            let Some(value) = value else { return Ok(None) };
            url = url.replace(&format!("{{{name}}}"), &value);
        }
        Ok(Some(url))
    }
}

fn fit(fields: &[Field], data: &Map, entity_id: Option<&str>) -> bool {
    fields.iter().all(|field| match (&field.constant, find(data, &field.name)) {
        (Some(constant), value) => matches!(value, Some(Value::Text(text)) if text == constant),
        (None, None) => match field.same_as.as_deref() {
            None => true,
            Some(ENTITY_ID) => entity_id.is_none(),
            Some(other) => matches!(find(data, other), None | Some(Value::Null)),
        },
        (None, Some(value)) => field.passes(value, entity_id),
    })
}

impl Field {
    /// Whether `value` passes unchanged.
    fn passes(&self, value: &Value, entity_id: Option<&str>) -> bool {
        match (self.kind.as_str(), value) {
            ("text", Value::Text(text)) => !self.aliases.iter().any(|alias| alias == text),
            ("id", Value::Text(text)) => !is_integer(text) && self.aliases.is_empty(),
            ("number", Value::Int(_) | Value::Float(_))
            | ("integer" | "id", Value::Int(_))
            | ("boolean", Value::Bool(_)) => true,
            ("map", Value::Map(items)) => fit(&self.fields, items, entity_id),
            _ => false,
        }
    }
}

/// Whether `conform` makes an integer of this id.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text == "0"
        || (matches!(digits.len(), 1..=18)
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn find<'m, 'a>(data: &'m Map<'a>, name: &str) -> Option<&'m Value<'a>> {
    data.iter().find(|item| item.0 == name).map(|item| &item.1)
}
