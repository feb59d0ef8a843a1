//! The open catalog: one view of one published run, swapped when a newer one is there.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use super::Result;

/// The open catalog. Share it in an `Arc`; take a [`View`] per request.
#[derive(Debug)]
pub struct Catalog {
    data: PathBuf,
    view: RwLock<Arc<View>>,
}

/// One published run: every answer of one view is of that run.
#[derive(Debug, Default)]
pub struct View {
    run: u64,
}

impl Catalog {
    /// Opens the catalog in the folder `data`; an empty one where nothing was crawled yet.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub async fn open(data: &Path) -> Result<Catalog> {
        Ok(Catalog { data: data.to_owned(), view: RwLock::new(Arc::new(View::default())) })
    }

    /// The folder that holds the store and its caches.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The newest view. Answers that belong together come from one view.
    pub fn view(&self) -> Arc<View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes up a newly published run, if there is one; says whether there was.
    ///
    /// # Errors
    /// When the store cannot be read; the old view stays.
    pub async fn refresh(&self) -> Result<bool> {
        Ok(false)
    }
}

impl View {
    /// The run that the view is of; 0 before the first was published.
    pub fn run(&self) -> u64 {
        self.run
    }
}
