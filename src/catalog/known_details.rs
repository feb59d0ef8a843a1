//! What is stored of assets that were asked for lately, so that pages of one neighbourhood read it once.
//!
//! Belongs to one view, and holds what that view sees. Bounded: what came first goes first.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use rustc_hash::FxHashMap;

use crate::{model::AssetId, store::AssetDetail};

/// What all that is kept may weigh: columns, and 64 bytes of SQL each.
const MOST_WEIGHT: usize = 400_000;

/// Details of assets that were asked for lately.
#[derive(Debug, Default)]
pub(super) struct KnownDetails(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    details: FxHashMap<AssetId, Arc<AssetDetail>>,
    /// In the order in which they came, each with its weight.
    order: VecDeque<(AssetId, usize)>,
    weight: usize,
}

impl KnownDetails {
    /// What is kept of an asset.
    pub(super) fn get(&self, asset: AssetId) -> Option<Arc<AssetDetail>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).details.get(&asset).cloned()
    }

    /// Keeps what is stored of an asset; others go where there is too much.
    pub(super) fn keep(&self, asset: AssetId, detail: &Arc<AssetDetail>) {
        let weight = weigh(detail);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if weight > MOST_WEIGHT || kept.details.insert(asset, Arc::clone(detail)).is_some() {
            return;
        }
        kept.order.push_back((asset, weight));
        kept.weight += weight;
        while kept.weight > MOST_WEIGHT {
            let Some((oldest, weight)) = kept.order.pop_front() else { return };
            kept.details.remove(&oldest);
            kept.weight -= weight;
        }
    }
}

fn weigh(detail: &AssetDetail) -> usize {
    let declared: usize = detail.declared.iter().map(|schema| schema.columns.len()).sum();
    let sql: usize = detail.definitions.iter().map(|definition| definition.text.len() / 64).sum();
    1 + detail.columns.len() + declared + sql
}
