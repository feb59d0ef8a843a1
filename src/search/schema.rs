//! The fields of the index, and the number that packs what ranking needs of a document.

use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, TextAnalyzer, TokenizerManager};

use super::SearchDocument;
use crate::model::AssetKind;

/// Part of the schema, so that an index of another layout does not open.
const LAYOUT: &str = "layout_3";

/// The fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    /// The asset's number.
    pub(super) asset: Field,
    /// An asset's whole name as written.
    pub(super) name_as_written: Field,
    /// An asset's whole name, folded.
    pub(super) whole_name: Field,
    /// An asset's other whole names, folded.
    pub(super) alias: Field,
    /// An asset's last parts, folded: of `a.b.c`, `c` and `b.c`.
    pub(super) last_parts: Field,
    /// The words of an asset's last parts joined by `_`: of `a.b.daily-users_v2`, `daily_users_v2`,
    /// `b_daily_users_v2`, …
    pub(super) spoken: Field,
    /// The same without the number of a version at the end: `daily_users`.
    pub(super) unversioned: Field,
    /// A column's path, with ever more of its asset's name before it, folded.
    pub(super) column_name: Field,
    /// Pieces of an asset's name.
    pub(super) name: Field,
    /// Stems of the pieces of an asset's name.
    pub(super) name_stem: Field,
    /// On a column, pieces and stems of its name.
    pub(super) column: Field,
    /// On an asset with few columns, pieces and stems of the names of all of them.
    pub(super) columns: Field,
    /// On an asset with many columns, the same: any word is somewhere in there.
    pub(super) many_columns: Field,
    /// On a column, pieces of its asset's last part.
    pub(super) of_asset: Field,
    /// Pieces and stems of friendly names, synonyms and aliases.
    pub(super) called: Field,
    /// Stems of the description.
    pub(super) text: Field,
    /// Pieces of tags and owners.
    pub(super) label: Field,
    /// Owners; "" for none.
    pub(super) owner: Field,
    /// Sources.
    pub(super) source: Field,
    /// Tags.
    pub(super) tag: Field,
    /// The environment; `prod` for none.
    pub(super) environment: Field,
    /// The document's [`Rank`].
    pub(super) rank: Field,
    /// What is handed out with a hit.
    pub(super) stored: Field,
}

/// The schema with its fields.
pub(super) fn build_schema() -> (Schema, Fields) {
    let mut schema = SchemaBuilder::default();
    let indexed = |tokenizer: &str, option: IndexRecordOption| {
        let indexing = TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(option).set_fieldnorms(false);
        TextOptions::default().set_indexing_options(indexing)
    };
    let words = indexed("raw", IndexRecordOption::Basic);
    let phrases = indexed("raw", IndexRecordOption::WithFreqsAndPositions);
    let prose = indexed("prose", IndexRecordOption::WithFreqsAndPositions);
    schema.add_bool_field(LAYOUT, tantivy::schema::NumericOptions::default());
    let fields = Fields {
        asset: schema.add_u64_field("asset", INDEXED | FAST),
        name_as_written: schema.add_text_field("name_as_written", words.clone()),
        whole_name: schema.add_text_field("whole_name", words.clone()),
        alias: schema.add_text_field("alias", words.clone()),
        last_parts: schema.add_text_field("last_parts", words.clone()),
        spoken: schema.add_text_field("spoken", words.clone()),
        unversioned: schema.add_text_field("unversioned", words.clone()),
        column_name: schema.add_text_field("column_name", words.clone()),
        name: schema.add_text_field("name", phrases.clone()),
        name_stem: schema.add_text_field("name_stem", words.clone()),
        column: schema.add_text_field("column", words.clone()),
        columns: schema.add_text_field("columns", words.clone()),
        many_columns: schema.add_text_field("many_columns", words.clone()),
        of_asset: schema.add_text_field("of_asset", words.clone()),
        called: schema.add_text_field("called", phrases),
        text: schema.add_text_field("text", prose),
        label: schema.add_text_field("label", words),
        owner: schema.add_text_field("owner", STRING | FAST),
        source: schema.add_text_field("source", STRING | FAST),
        tag: schema.add_text_field("tag", STRING | FAST),
        environment: schema.add_text_field("environment", STRING | FAST),
        rank: schema.add_u64_field("rank", FAST),
        stored: schema.add_bytes_field("stored", STORED),
    };
    (schema.build(), fields)
}

/// The tokenizers that the schema names.
pub(super) fn build_tokenizers() -> TokenizerManager {
    let tokenizers = TokenizerManager::default();
    let prose = TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(64))
        .filter(LowerCaser)
        .filter(Stemmer::new(Language::English))
        .build();
    tokenizers.register("prose", prose);
    tokenizers
}

/// What ranking and facets need of a document, packed into one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rank(pub(super) u64);

/// The kind of a column in a [`Rank`].
pub(super) const COLUMN_KIND: usize = AssetKind::ALL.len();

impl Rank {
    /// The rank of a document; a column's has the pieces of its own name and its own description.
    pub(super) fn of(document: &SearchDocument, kind: usize, pieces: usize, described: bool) -> Rank {
        let used = (1.0 + f64::from(document.usage)).ln() / 1_001f64.ln();
        let merit = used.min(1.0) * 0.5
            + if document.certified { 0.25 } else { 0.0 }
            + if document.owners.is_empty() { 0.0 } else { 0.15 }
            + if described { 0.1 } else { 0.0 };
        let day = document.changed_at.map_or(0, |at| (at / 86_400).clamp(0, (1 << 20) - 1) as u64);
        Rank(
            kind as u64 & 15
                | u64::from(document.deprecated) << 4
                | u64::from(described) << 5
                | (pieces.clamp(1, 255) as u64) << 6
                | ((merit * 1_000.0) as u64 & 1_023) << 14
                | day << 24
                | u64::from(document.environment.is_some()) << 44,
        )
    }

    /// The place of the kind in [`AssetKind::ALL`], or [`COLUMN_KIND`].
    pub(super) fn kind(self) -> usize {
        (self.0 & 15) as usize
    }

    /// Whether it should no longer be used.
    pub(super) fn is_deprecated(self) -> bool {
        self.0 >> 4 & 1 == 1
    }

    /// Whether it belongs to another environment than prod.
    pub(super) fn is_beside_prod(self) -> bool {
        self.0 >> 44 & 1 == 1
    }

    /// Whether it has a description.
    pub(super) fn is_described(self) -> bool {
        self.0 >> 5 & 1 == 1
    }

    /// Words of the last part of its name.
    pub(super) fn pieces(self) -> f32 {
        (self.0 >> 6 & 255) as f32
    }

    /// Usage, certification, ownership and description together, 0 to 1.
    pub(super) fn merit(self) -> f32 {
        (self.0 >> 14 & 1_023) as f32 / 1_000.0
    }

    /// The day of the last change, days since 1970; 0 where unknown.
    pub(super) fn changed_day(self) -> i64 {
        (self.0 >> 24 & ((1 << 20) - 1)) as i64
    }
}
