//! Definitions of metrics.

pub(super) mod metric_toml;
