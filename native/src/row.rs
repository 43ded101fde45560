//! The row that a record becomes.

use std::borrow::Cow;

use blake2b_simd::Params;

use crate::json;

pub type Text<'a> = Option<Cow<'a, str>>;

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

impl Row<'_> {
    /// `BLAKE2b` over the row as JSON, without its duration.
    pub fn hash(&self) -> [u8; 16] {
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
