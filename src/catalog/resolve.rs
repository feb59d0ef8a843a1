//! From any text that somebody pastes to the asset that is meant.

use serde::Serialize;

use super::{AssetRef, CatalogError, Result, View, names::plain_name};
use crate::store::AssetRow;

/// Candidates at most.
const MOST_CANDIDATES: usize = 20;
/// Names that are told where nothing of a name is there.
const NEAREST: usize = 8;
/// Parts that may be a column's struct path behind an asset's name.
const MOST_COLUMN_PARTS: usize = 4;

/// What a pasted name means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "match")]
pub enum NameAnswer {
    /// The name is an asset's, or an asset's with one of its columns.
    Exact {
        /// The asset.
        asset: AssetRef,
        /// The column behind the asset's name.
        column: Option<String>,
    },
    /// The name is partial or written otherwise, and only one asset fits.
    Unique {
        /// The asset.
        asset: AssetRef,
        /// The column behind the asset's name.
        column: Option<String>,
    },
    /// Several assets fit, or none does and these are near: best first.
    Candidates {
        /// Whether the name fits them; false where they are merely spelled alike.
        fits: bool,
        /// The assets, best first; empty where nothing is near.
        assets: Vec<AssetRef>,
    },
}

impl NameAnswer {
    /// The asset and column, where there is exactly one.
    pub fn single(&self) -> Option<(&AssetRef, Option<&str>)> {
        match self {
            NameAnswer::Exact { asset, column } | NameAnswer::Unique { asset, column } => Some((asset, column.as_deref())),
            NameAnswer::Candidates { .. } => None,
        }
    }
}

/// What a name that means nothing may have meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nearest {
    /// Assets, the most alike first; the one that has the columns where there are any.
    pub assets: Vec<AssetRef>,
    /// Columns of the only asset, the most alike first.
    pub columns: Vec<String>,
}

impl View {
    /// What `text` names: quoted or not, partial, `project:dataset.table`, any case, with or without
    /// a namespace (`namespace/name`) or a column behind it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn resolve_name(&self, text: &str) -> Result<NameAnswer> {
        let plain = plain_name(text, self.assets.iter().map(|asset| &*asset.namespace));
        if plain.dotted.is_empty() {
            return Ok(NameAnswer::Candidates { fits: false, assets: Vec::new() });
        }
        let of_namespace = |asset: &&AssetRow| plain.namespace.as_deref().is_none_or(|wanted| *asset.namespace == *wanted);
        let mut fitting: Vec<&AssetRow> = Vec::new();
        for (name, column) in splits(&plain.dotted) {
            let called: Vec<&AssetRow> = self.rows_at(self.names.called(name)).filter(of_namespace).collect();
            let as_written: Vec<&AssetRow> = called.iter().copied().filter(|asset| *asset.name == *name).collect();
            for (found, is_exact) in [(&as_written, true), (&called, true), (&self.ending(name, of_namespace), false)] {
                let found = self.with_column(found, column).await?;
                match found.as_slice() {
                    [] => {}
                    [(asset, column)] => {
                        let (asset, column) = (self.point_at(asset), column.clone());
                        return Ok(if is_exact {
                            NameAnswer::Exact { asset, column }
                        } else {
                            NameAnswer::Unique { asset, column }
                        });
                    }
                    several => {
                        fitting = several.iter().map(|(asset, _)| *asset).collect();
                        break;
                    }
                }
            }
            if !fitting.is_empty() {
                break;
            }
        }
        let fits = !fitting.is_empty();
        if !fits {
            let near = self.names.spelled_like(&plain.dotted, MOST_CANDIDATES);
            fitting = self.rows_at(&near).filter(of_namespace).collect();
        } else {
            fitting.sort_by_key(|asset| (asset.name.len(), asset.name.clone(), asset.namespace.clone()));
        }
        let assets = fitting.into_iter().take(MOST_CANDIDATES).map(|asset| self.point_at(asset)).collect();
        Ok(NameAnswer::Candidates { fits, assets })
    }

    /// The asset `name` of `namespace`: by its name as declared, by its key, or in any case where
    /// that is unique; `None` for one that this run does not have.
    pub(super) fn find(&self, namespace: &str, name: &str) -> Option<&AssetRow> {
        let called = || self.rows_at(self.names.called(name)).filter(|asset| *asset.namespace == *namespace);
        let mut any_case = called();
        called().find(|asset| *asset.name == *name).or_else(|| called().find(|asset| *asset.key == *name)).or_else(|| {
            match (any_case.next(), any_case.next()) {
                (Some(only), None) => Some(only),
                _ => None,
            }
        })
    }

    /// A pointer at the asset `name` of `namespace`.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where this run has none of that name.
    pub fn asset_ref(&self, namespace: &str, name: &str) -> Result<AssetRef> {
        self.demand(namespace, name).map(|asset| self.point_at(asset))
    }

    /// Like [`View::find`], or the error that says so.
    pub(super) fn demand(&self, namespace: &str, name: &str) -> Result<&AssetRow> {
        self.find(namespace, name).ok_or_else(|| CatalogError::not_found(namespace, name))
    }

    /// What a name that means nothing may have meant: assets spelled alike, or, where all but its end
    /// names an asset, the columns of that asset that are spelled most alike.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn nearest_names(&self, text: &str) -> Result<Nearest> {
        let plain = plain_name(text, self.assets.iter().map(|asset| &*asset.namespace));
        for (name, column) in splits(&plain.dotted).filter_map(|(name, column)| Some((name, column?))) {
            let Some(asset) = self.rows_at(self.names.called(name)).next() else { continue };
            let wanted = column.to_lowercase();
            let columns = self.show_asset(&asset.namespace, &asset.name).await?.columns.into_iter().map(|column| column.name);
            let mut near: Vec<(f64, String)> =
                columns.map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name)).collect();
            near.sort_by(|(one, a), (other, b)| other.total_cmp(one).then_with(|| a.cmp(b)));
            let columns = near.into_iter().take(NEAREST).map(|(_, name)| name).collect();
            return Ok(Nearest { assets: vec![self.point_at(asset)], columns });
        }
        let assets = match self.resolve_name(text).await? {
            NameAnswer::Exact { asset, .. } | NameAnswer::Unique { asset, .. } => vec![asset],
            NameAnswer::Candidates { assets, .. } => assets.into_iter().take(NEAREST).collect(),
        };
        Ok(Nearest { assets, columns: Vec::new() })
    }

    /// The only asset that a text in somebody's prose names, whole or by its end.
    pub(super) fn only_asset_called(&self, text: &str) -> Option<&AssetRow> {
        let plain = plain_name(text, std::iter::empty());
        let called = self.names.called(&plain.dotted);
        let ending;
        let found = if called.is_empty() {
            ending = self.names.ending_with(&self.assets, &plain.dotted);
            &ending
        } else {
            called
        };
        match found {
            [only] => self.assets.get(*only as usize),
            _ => None,
        }
    }

    /// Those of `assets` that have `column`, with its name as declared; all of them where none is asked for.
    async fn with_column<'a>(
        &self,
        assets: &[&'a AssetRow],
        column: Option<&str>,
    ) -> Result<Vec<(&'a AssetRow, Option<String>)>> {
        let Some(column) = column else { return Ok(assets.iter().map(|asset| (*asset, None)).collect()) };
        let mut found = Vec::new();
        for asset in assets.iter().take(MOST_CANDIDATES) {
            if let Some(name) = self.find_column(asset, column).await? {
                found.push((*asset, Some(name)));
            }
        }
        Ok(found)
    }

    fn ending(&self, name: &str, keep: impl Fn(&&AssetRow) -> bool) -> Vec<&AssetRow> {
        self.rows_at(&self.names.ending_with(&self.assets, name)).filter(keep).collect()
    }

    fn rows_at<'a>(&'a self, positions: &[u32]) -> impl Iterator<Item = &'a AssetRow> + use<'a> {
        let rows: Vec<&AssetRow> = positions.iter().filter_map(|at| self.assets.get(*at as usize)).collect();
        rows.into_iter()
    }
}

/// `a.b.c` → the whole as an asset's name, then ever more of its end as a column.
fn splits(dotted: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let dots = dotted.rmatch_indices('.').take(MOST_COLUMN_PARTS);
    std::iter::once((dotted, None)).chain(dots.map(move |(at, _)| {
        let (name, column) = dotted.split_at(at);
        (name, column.get(1..))
    }))
}
