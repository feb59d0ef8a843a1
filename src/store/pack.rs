//! How texts and edges are packed into one value.

use std::{cell::RefCell, io};

use serde::{Serialize, de::DeserializeOwned};

use super::StoreError;
use crate::model::{ColumnEdgeKind, RowEdgeKind};

/// Shorter texts are stored as they are.
const SHORTEST_PACKED: usize = 512;
/// No stored value is larger than this when unpacked.
const LARGEST: usize = 1 << 30;
const LEVEL: i32 = 3;

/// The lineage of one analysis in numbers of assets and columns, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackedEdges {
    /// Column → column.
    pub(crate) columns: Vec<PackedColumnEdge>,
    /// Column → asset.
    pub(crate) rows: Vec<PackedRowEdge>,
}

/// A column edge of an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PackedColumnEdge {
    pub(crate) to: u32,
    pub(crate) from: u32,
    pub(crate) kind: ColumnEdgeKind,
    pub(crate) guessed: bool,
    pub(crate) line: u32,
}

/// A row edge of an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PackedRowEdge {
    pub(crate) to_asset: u32,
    pub(crate) from: u32,
    pub(crate) kind: RowEdgeKind,
    pub(crate) line: u32,
}

/// A text as (form, body): 0 as it is, 1 zstd.
pub(crate) fn pack_text(text: &str) -> (i64, Vec<u8>) {
    if text.len() >= SHORTEST_PACKED
        && let Ok(packed) = compress(text.as_bytes())
        && packed.len() < text.len()
    {
        return (1, packed);
    }
    (0, text.as_bytes().to_vec())
}

/// The text of (form, body).
pub(crate) fn unpack_text(form: i64, body: Vec<u8>) -> Result<String, StoreError> {
    let bytes = if form == 1 { unzip(&body)? } else { body };
    String::from_utf8(bytes).map_err(|_| StoreError::Damaged("a text is not UTF-8".into()))
}

/// A value as zstd-packed JSON.
pub(crate) fn pack_json<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    let json = serde_json::to_vec(value).map_err(|error| StoreError::Damaged(error.to_string()))?;
    zip(&json)
}

/// The value of zstd-packed JSON.
pub(crate) fn unpack_json<T: DeserializeOwned>(packed: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(&unzip(packed)?).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// A text, always zstd-packed.
pub(crate) fn zip_text(text: &str) -> Result<Vec<u8>, StoreError> {
    zip(text.as_bytes())
}

/// The text of [`zip_text`].
pub(crate) fn unzip_text(packed: &[u8]) -> Result<String, StoreError> {
    unpack_text(1, packed.to_vec())
}

/// Edges as zstd-packed varints: ascending targets as differences.
pub(crate) fn pack_edges(edges: &PackedEdges) -> Result<Vec<u8>, StoreError> {
    let mut out = Vec::with_capacity(edges.columns.len() * 8 + edges.rows.len() * 8 + 4);
    put(&mut out, edges.columns.len() as u32);
    let mut last = 0;
    for edge in &edges.columns {
        put(&mut out, edge.to.wrapping_sub(last));
        last = edge.to;
        put(&mut out, edge.from);
        out.push(edge.kind as u8 | u8::from(edge.guessed) << 7);
        put(&mut out, edge.line);
    }
    put(&mut out, edges.rows.len() as u32);
    for edge in &edges.rows {
        put(&mut out, edge.to_asset);
        put(&mut out, edge.from);
        out.push(edge.kind as u8);
        put(&mut out, edge.line);
    }
    zip(&out)
}

/// The edges of [`pack_edges`].
pub(crate) fn unpack_edges(packed: &[u8]) -> Result<PackedEdges, StoreError> {
    let bytes = unzip(packed)?;
    let mut rest = bytes.as_slice();
    let damaged = || StoreError::Damaged("packed edges end early".into());
    let mut edges = PackedEdges::default();
    let mut last = 0u32;
    for _ in 0..take(&mut rest).ok_or_else(damaged)? {
        let edge = (|| {
            let to = last.wrapping_add(take(&mut rest)?);
            let from = take(&mut rest)?;
            let (&byte, tail) = rest.split_first()?;
            rest = tail;
            let kind = *ColumnEdgeKind::ALL.get((byte & 0x7f) as usize)?;
            Some(PackedColumnEdge { to, from, kind, guessed: byte & 0x80 != 0, line: take(&mut rest)? })
        })()
        .ok_or_else(damaged)?;
        last = edge.to;
        edges.columns.push(edge);
    }
    for _ in 0..take(&mut rest).ok_or_else(damaged)? {
        let edge = (|| {
            let to_asset = take(&mut rest)?;
            let from = take(&mut rest)?;
            let (&byte, tail) = rest.split_first()?;
            rest = tail;
            Some(PackedRowEdge { to_asset, from, kind: *RowEdgeKind::ALL.get(byte as usize)?, line: take(&mut rest)? })
        })()
        .ok_or_else(damaged)?;
        edges.rows.push(edge);
    }
    Ok(edges)
}

thread_local! {
    // A context is larger than most of what is packed: each thread makes one and keeps it.
    static PACKER: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    PACKER.with_borrow_mut(|kept| {
        let packer = match kept {
            Some(packer) => packer,
            None => kept.insert(zstd::bulk::Compressor::new(LEVEL)?),
        };
        packer.compress(bytes)
    })
}

fn decompress(packed: &[u8], size: usize) -> io::Result<Vec<u8>> {
    UNPACKER.with_borrow_mut(|kept| {
        let unpacker = match kept {
            Some(unpacker) => unpacker,
            None => kept.insert(zstd::bulk::Decompressor::new()?),
        };
        unpacker.decompress(packed, size)
    })
}

fn zip(bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    compress(bytes).map_err(StoreError::Output)
}

fn unzip(packed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let damaged = |error: io::Error| StoreError::Damaged(error.to_string());
    let size = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten().unwrap_or(0) as usize;
    if size > LARGEST {
        return Err(StoreError::Damaged("a packed value is too large".into()));
    }
    decompress(packed, size).map_err(damaged)
}

fn put(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take(rest: &mut &[u8]) -> Option<u32> {
    let mut number = 0u32;
    for shift in (0..35).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packed_edges_unpack_to_themselves(
            columns in prop::collection::vec((any::<u32>(), any::<u32>(), 0usize..5, any::<bool>(), any::<u32>()), 0..50),
            rows in prop::collection::vec((any::<u32>(), any::<u32>(), 0usize..4, any::<u32>()), 0..50),
        ) {
            let edges = PackedEdges {
                columns: columns.into_iter().map(|(to, from, kind, guessed, line)| PackedColumnEdge {
                    to, from, kind: ColumnEdgeKind::ALL[kind], guessed, line,
                }).collect(),
                rows: rows.into_iter().map(|(to_asset, from, kind, line)| PackedRowEdge {
                    to_asset, from, kind: RowEdgeKind::ALL[kind], line,
                }).collect(),
            };
            prop_assert_eq!(&unpack_edges(&pack_edges(&edges).unwrap()).unwrap(), &edges);
        }

        #[test]
        fn damaged_edges_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(unpack_edges(&bytes).is_err() || !bytes.is_empty());
            let zipped = zip(&bytes).unwrap();
            let _either = unpack_edges(&zipped).is_ok();
        }

        #[test]
        fn packed_texts_unpack_to_themselves(text in "\\PC{0,400}") {
            let (form, body) = pack_text(&text);
            prop_assert_eq!(unpack_text(form, body).unwrap(), text);
        }
    }
}
