//! Definitions of metrics.

pub(super) mod cube;
pub(super) mod metric_toml;
