//! What files of a log say of queries that other files of it tell of: the client of a session, the whole of
//! a text that was cut off. It is held while the others are read; texts are never written.

use std::{collections::HashMap, sync::Arc};

use xxhash_rust::xxh3::xxh3_64;

/// Sessions that are held, and bytes of texts.
const SESSIONS: usize = 2_000_000;
const BYTES: usize = 128 << 20;
/// Bytes of a text that no history cuts off.
const SHORT: usize = 4_000;

/// What is known beside the queries.
#[derive(Clone, Debug, Default)]
pub(super) struct Aside {
    sessions: HashMap<u64, Arc<str>>,
    tools: HashMap<String, Arc<str>>,
    texts: HashMap<u64, String>,
    bytes: usize,
}

/// What stands for a number of the vendor's; never 0.
pub(super) fn hash_of(number: &str) -> u64 {
    xxh3_64(number.as_bytes()) | 1
}

impl Aside {
    /// A session is of a client.
    pub(super) fn note_session(&mut self, session: u64, tool: &str) {
        if self.sessions.len() >= SESSIONS {
            return;
        }
        let tool = self.tools.entry(tool.to_owned()).or_insert_with(|| Arc::from(tool)).clone();
        self.sessions.insert(session, tool);
    }

    /// The whole text under a key of its pieces.
    pub(super) fn note_text(&mut self, key: u64, text: String) {
        if text.len() >= SHORT && self.bytes + text.len() <= BYTES {
            self.bytes += text.len();
            self.texts.insert(key, text);
        }
    }

    /// The client of a session.
    pub(super) fn tool(&self, session: &str) -> Option<&str> {
        if self.sessions.is_empty() {
            return None;
        }
        self.sessions.get(&hash_of(session.trim())).map(AsRef::as_ref)
    }

    /// The whole text, under one of its keys.
    pub(super) fn text(&self, keys: &[String]) -> Option<&str> {
        keys.iter().find_map(|key| self.texts.get(&hash_of(key))).map(String::as_str)
    }
}
