//! Diagnostics: what could not be known, where, and what to do about it.
//!
//! Every code stands once in [`CODES`], with the text of its page.

use serde::{Deserialize, Serialize};

use super::Span;

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Lineage is missing.
    Error,
    /// Lineage is guessed or incomplete.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The word used in the store and in output.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }

    /// The severity that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Severity::Error, Severity::Warning, Severity::Info].into_iter().find(|severity| severity.word() == word)
    }
}

/// A stable diagnostic code with the text of its page.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The stable code, kebab-case.
    pub code: &'static str,
    /// How much it matters by default.
    pub severity: Severity,
    /// One line: what happened.
    pub title: &'static str,
    /// Why it happens.
    pub cause: &'static str,
    /// What the reader can do.
    pub remedy: &'static str,
}

/// One occurrence of a code in one text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Diagnostic {
    /// A code of [`CODES`].
    pub code: String,
    /// What is wrong here, in a sentence, without the place.
    pub message: String,
    /// Where, in bytes of the text that was read; empty where the whole text is meant.
    pub span: Span,
}

impl Diagnostic {
    /// A diagnostic of `code` at `span`.
    pub fn new(code: &'static Code, message: impl Into<String>, span: Span) -> Self {
        Diagnostic { code: code.code.to_owned(), message: message.into(), span }
    }

    /// The severity of its code; unknown codes (of an older store) are warnings.
    pub fn severity(&self) -> Severity {
        find_code(&self.code).map_or(Severity::Warning, |code| code.severity)
    }
}

/// The registry entry of `code`.
pub fn find_code(code: &str) -> Option<&'static Code> {
    CODES.iter().find(|entry| entry.code == code).copied()
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $severity:ident, $title:literal, $cause:literal, $remedy:literal;)*) => {
        $($(#[$doc])* #[doc = $title] pub static $name: Code = Code {
            code: $code, severity: Severity::$severity, title: $title, cause: $cause, remedy: $remedy,
        };)*
        /// Every diagnostic code there is.
        pub static CODES: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    SYNTAX_ERROR = "syntax-error", Error, "A statement could not be parsed",
        "The statement is not valid in the dialect that the source is read in, or uses grammar that the parser does not know yet.",
        "Check the dialect of the source in wellspring.toml. If the statement runs in the warehouse, report it: only this statement has lost its lineage, its neighbours have not.";
    UNSUPPORTED_STATEMENT = "unsupported-statement", Info, "A statement has no lineage that is read",
        "The statement was parsed, but it is of a kind that moves no data between columns, or of a kind not read yet.",
        "Nothing, unless the statement moves data: then report it.";
    TABLE_LEVEL_ONLY = "table-level-only", Warning, "Only table-level lineage could be read",
        "The statement could not be parsed as a whole; the relations that it reads and writes were found in its tokens.",
        "Mend the statement, or report the grammar that is missing.";
    AMBIGUOUS_COLUMN = "ambiguous-column", Warning, "A column could come from several relations",
        "The column is not qualified, and the columns of at least one relation in scope are not known.",
        "Qualify the column, or crawl what defines the relations.";
    UNKNOWN_COLUMN = "unknown-column", Warning, "A column was not found",
        "No relation in scope has a column of that name, though the columns of all of them are known.",
        "The query may be broken, or the declared schema may have drifted.";
    UNEXPANDED_STAR = "unexpanded-star", Warning, "A star could not be expanded",
        "The columns of a relation under the star are not known to the catalog.",
        "Crawl the repository that defines the relation, or declare its schema.";
    UNKNOWN_RELATION = "unknown-relation", Info, "A relation is read that nothing defines",
        "No source in the catalog defines or declares this relation.",
        "Add the source that defines it, or leave it: it stays in the catalog as external.";
    DYNAMIC_SQL = "dynamic-sql", Warning, "SQL is built at run time",
        "EXECUTE IMMEDIATE or its like runs a text that is not constant.",
        "Query logs show what really ran; add them as a source.";
    POSITIONAL_GUESS = "positional-guess", Warning, "INSERT without a column list into an unknown table",
        "The target's columns are not known, so the names of the SELECT were taken.",
        "Add a column list, or crawl what defines the table.";
    NAME_BY_SUFFIX = "name-by-suffix", Warning, "A partial name was completed by a unique match",
        "The name misses its database or schema; exactly one known relation ends with it.",
        "Write the full name, or set the source's defaults in wellspring.toml.";
    TEMPLATE_PLACEHOLDER = "template-placeholder", Warning, "A template value is unknown",
        "The file is a template and a value in it is only known at run time; a marked placeholder was put in its place.",
        "Set the value under [source.variables] in wellspring.toml.";
    TEMPLATE_ERROR = "template-error", Error, "A template could not be rendered",
        "The template's syntax is wrong, or it exceeds the limits of time or depth.",
        "Mend the template, or raise the limits in wellspring.toml.";
    UNKNOWN_MACRO = "unknown-macro", Warning, "A macro is not known",
        "Neither the project nor a package in the repository defines it, and it is none of the packages whose macros are known.",
        "Commit dbt_packages/, or crawl target/ with its compiled SQL. What does not pass through the macro is read all the same.";
    MISSING_REFERENCE = "missing-reference", Warning, "A ref or source points to nothing",
        "No model, seed, snapshot or source of the projects in this source has that name, or the package that has it is not in the repository.",
        "Mend the name, or commit dbt_packages/. The name is taken for a table outside of the catalog.";
    DECLARED_COLUMN_MISSING = "declared-column-missing", Warning, "A described column is not put out",
        "The property file lists a column that the model's SQL does not put out: the description has drifted, or the SQL is read wrongly.",
        "Mend the property file, or the model.";
    DEFINED_TWICE = "defined-twice", Warning, "A relation is defined twice",
        "Two files create the same relation; the source listed first wins, and within a source the first path. The other moves nothing, but its SQL can still be read.",
        "Remove one, or tell environments apart with a [[names]] rule.";
    DEPENDENCY_CYCLE = "dependency-cycle", Info, "Definitions depend on each other in a cycle",
        "Each reads what another writes, so a star among them was expanded through what was known.",
        "Usually nothing: incremental tables read themselves.";
    LIMIT_EXCEEDED = "limit-exceeded", Error, "A document exceeds a limit",
        "The document, or a statement in it, is larger, deeper or slower than the limits allow.",
        "Raise the limit under [limits] in wellspring.toml, or exclude the file.";
    UNREADABLE_FILE = "unreadable-file", Error, "A file could not be read",
        "The object is missing from the repository, the file vanished, or access was refused.",
        "Fetch the missing objects, or mend the permissions.";
    FILES_LEFT_OUT = "files-left-out", Info, "SQL files beside the layout's are not read",
        "They look like templates, tests or parts of a program: what they yield stands elsewhere, or nowhere in the warehouse.",
        "If they are the warehouse's own, add a [[source]] of the same path with layout = \"plain\" that includes them.";
    NOT_UTF8 = "not-utf8", Warning, "A file is not UTF-8",
        "Bytes that are not UTF-8 were replaced before the file was read.",
        "Convert the file to UTF-8.";
    SYMLINK_LEAVES_TREE = "symlink-leaves-tree", Warning, "A symbolic link leaves the source's tree",
        "Links out of the tree are never followed.",
        "Copy the file into the tree, or add its folder as a source.";
    INVALID_METADATA = "invalid-metadata", Warning, "A metadata file could not be read",
        "The YAML or TOML is malformed, exceeds a limit, or has a shape that its format does not allow.",
        "Mend the file; everything else was read.";
    INVALID_OWNERS_FILE = "invalid-owners-file", Warning, "A line of CODEOWNERS could not be read",
        "The pattern is not one that CODEOWNERS allows.",
        "Mend the line; the other lines were read.";
    INVALID_DEFINITION = "invalid-definition", Warning, "A definition could not be read",
        "The file of a dashboard or metric is malformed here, or has a shape that its format does not allow.",
        "Mend the file or export it again; everything else in it was read.";
    UNKNOWN_DEFINITION = "unknown-definition", Warning, "A definition names one that is not there",
        "A dashboard, chart or metric refers to another definition that no file of the source holds, or to a name that several hold.",
        "Add the file that defines it to the source, or export it along.";
    CYCLIC_DEFINITION = "cyclic-definition", Error, "Definitions refer to each other in a cycle",
        "A definition extends or contains itself through others, so it has no meaning.",
        "Break the cycle; the definitions outside of it were read.";
    UNSUPPORTED_DEFINITION = "unsupported-definition", Warning, "A definition is of a kind that is not read yet",
        "The tool has a kind of query or a version of its format that is not understood here.",
        "Nothing, if other definitions say the same; else report it. The rest of the file was read.";
    SCHEMA_DRIFT = "schema-drift", Warning, "Declared columns and those that the SQL writes differ",
        "A schema file or DDL lists columns that the SQL does not write, or lacks columns that it writes. Tables that rows are only inserted into, and SQL with a star that could not be expanded, are not compared.",
        "Bring the declaration up to date, or mend the SQL. Until then lineage follows the declaration of a table, and the SQL of a view.";
    MENDED_SYNTAX = "mended-syntax", Info, "Grammar that the parser does not know was worked around",
        "The dialect allows it; it was rewritten, keeping every byte's place, before parsing.",
        "Nothing.";
}
