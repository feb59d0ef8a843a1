//! What pages may see of, and ask from, the crawler that runs beside the server.

use std::sync::{PoisonError, RwLock};

use serde::Serialize;
use tokio::sync::Notify;

use super::{WebhookProof, WebhookSecret};

/// Where a crawl stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CrawlStatus {
    /// Whether a crawl is running.
    pub running: bool,
    /// What it does at the moment: `reading`, `analysing`, `writing`, …; "" before the first.
    pub phase: String,
    /// The source at hand, where one is.
    pub source: String,
    /// Steps of the phase done.
    pub done: u64,
    /// Steps of the phase in all; 0 where unknown.
    pub total: u64,
    /// When it started, seconds since 1970 UTC.
    pub started: Option<i64>,
    /// When the last one ended, seconds since 1970 UTC.
    pub ended: Option<i64>,
    /// Why the last one failed; `None` where it did not.
    pub error: Option<String>,
}

/// Shared by the server's pages and the loop that crawls.
#[derive(Debug, Default)]
pub struct CrawlControl {
    status: RwLock<CrawlStatus>,
    wanted: Notify,
    webhook: Option<WebhookSecret>,
}

/// What became of a webhook's call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// A crawl is asked for.
    Asked,
    /// It was not signed with the secret.
    Refused,
    /// No secret is configured: there is no webhook.
    NotConfigured,
}

impl CrawlControl {
    /// Takes webhooks that are signed with this secret.
    pub fn with_webhook(secret: Option<WebhookSecret>) -> CrawlControl {
        CrawlControl { webhook: secret, ..CrawlControl::default() }
    }

    /// Asks for a crawl if a webhook proves that it may.
    pub fn request_by_webhook(&self, proof: Option<WebhookProof<'_>>, body: &[u8]) -> WebhookOutcome {
        let Some(secret) = &self.webhook else { return WebhookOutcome::NotConfigured };
        if proof.is_none_or(|proof| !secret.accepts(proof, body)) {
            return WebhookOutcome::Refused;
        }
        self.request();
        WebhookOutcome::Asked
    }

    /// Where the crawl stands now.
    pub fn status(&self) -> CrawlStatus {
        self.status.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for a crawl; one that is asked for while another runs follows it, once.
    pub fn request(&self) {
        self.wanted.notify_one();
    }

    /// Waits until somebody asks for a crawl.
    pub async fn requested(&self) {
        self.wanted.notified().await;
    }

    /// Changes what pages see.
    pub fn update(&self, change: impl FnOnce(&mut CrawlStatus)) {
        change(&mut self.status.write().unwrap_or_else(PoisonError::into_inner));
    }
}
