//! What a crawl tells, shown: a bar on the terminal, and what pages show of it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    catalog::CrawlControl,
    crawl::{CrawlEvent, CrawlPhase, CrawlProgress},
};

/// Shows a crawl on stderr (only where that is a terminal) and to the pages of a server.
pub(super) struct ShownProgress {
    bar: ProgressBar,
    control: Option<Arc<CrawlControl>>,
    phase: Mutex<(String, CrawlPhase)>,
}

impl ShownProgress {
    pub(super) fn new(control: Option<Arc<CrawlControl>>) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(spinner());
        bar.enable_steady_tick(Duration::from_millis(120));
        let phase = Mutex::new((String::new(), CrawlPhase::Reading));
        ShownProgress { bar, control, phase }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self) {
        let (source, phase) = self.phase.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let word = phase.word();
        self.bar.set_message(if source.is_empty() { word.to_owned() } else { format!("{word} {source}") });
        if let Some(control) = &self.control {
            control.update(|status| {
                status.phase = word.to_owned();
                status.source = source;
            });
        }
    }

    fn count(&self, done: u64, of: u64) {
        if of > 0 && self.bar.length() != Some(of) {
            self.bar.set_length(of);
            self.bar.set_style(counter());
        }
        self.bar.set_position(done);
        if let Some(control) = &self.control {
            control.update(|status| (status.done, status.total) = (done, of));
        }
    }
}

impl CrawlProgress for ShownProgress {
    fn report(&self, event: CrawlEvent<'_>) {
        match event {
            CrawlEvent::Source { name, .. } => {
                self.phase.lock().unwrap_or_else(PoisonError::into_inner).0 = name.to_owned();
                self.show();
            }
            CrawlEvent::Phase(phase) => {
                {
                    let mut now = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
                    now.1 = phase;
                    if phase != CrawlPhase::Reading {
                        now.0.clear();
                    }
                }
                self.bar.set_style(spinner());
                self.bar.unset_length();
                self.show();
                if let Some(control) = &self.control {
                    control.update(|status| (status.done, status.total) = (0, 0));
                }
            }
            CrawlEvent::Read { done, of } => self.count(done, of),
            CrawlEvent::Documents { done, of, .. } => self.count(done as u64, of as u64),
            CrawlEvent::Published(run) => tracing::info!(run = run.0, "published"),
        }
    }
}

fn spinner() -> ProgressStyle {
    style("{spinner} {msg} {elapsed}")
}

fn counter() -> ProgressStyle {
    style("{spinner} {msg} [{bar:24}] {human_pos}/{human_len} {per_sec}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()).progress_chars("=> ")
}
