//! Our dialects: sqlparser's, with what each product allows but theirs rejects.
//!
//! A wrapper passes every question on to sqlparser's dialect, apart from grammar that is allowed
//! everywhere: reading lineage wants no validator, so what is unambiguous is accepted.

use std::any::TypeId;

use sqlparser::{
    ast::{ColumnOption, Expr, GranteesType, Ident, ObjectNamePart, Statement},
    dialect as base,
    dialect::Precedence,
    keywords::Keyword,
    parser::{Parser, ParserError},
    tokenizer::Token,
};

use crate::model::Dialect;

/// The grammar of `dialect`.
pub(crate) fn of(dialect: Dialect) -> Grammar {
    let base: &'static dyn base::Dialect = match dialect {
        Dialect::Ansi => &base::AnsiDialect {},
        Dialect::Generic | Dialect::Trino | Dialect::Vertica => &base::GenericDialect {},
        Dialect::BigQuery => &base::BigQueryDialect {},
        Dialect::Snowflake => &base::SnowflakeDialect {},
        Dialect::Redshift => &base::RedshiftSqlDialect {},
        Dialect::Postgres => &base::PostgreSqlDialect {},
        Dialect::MySql => &base::MySqlDialect {},
        Dialect::MsSql => &base::MsSqlDialect {},
        Dialect::Oracle => &base::OracleDialect {},
        Dialect::Hive => &base::HiveDialect {},
        Dialect::Spark => &base::SparkSqlDialect {},
        Dialect::Databricks => &base::DatabricksDialect {},
        Dialect::DuckDb => &base::DuckDbDialect {},
        Dialect::ClickHouse => &base::ClickHouseDialect {},
        Dialect::Sqlite => &base::SQLiteDialect {},
        Dialect::Teradata => &base::TeradataDialect {},
    };
    Grammar { base, dialect, nested_joins: false }
}

/// A dialect of ours over one of sqlparser's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grammar {
    base: &'static dyn base::Dialect,
    dialect: Dialect,
    /// `a JOIN b JOIN c ON … ON …` joins b and c first.
    nested_joins: bool,
}

impl Grammar {
    /// The same grammar, reading joins whose conditions come last.
    pub(crate) fn with_nested_joins(self) -> Grammar {
        Grammar { nested_joins: true, ..self }
    }

    fn is(&self, dialects: &[Dialect]) -> bool {
        dialects.contains(&self.dialect)
    }
}

/// Questions answered by sqlparser's dialect.
macro_rules! asked {
    ($($question:ident)*) => { $(fn $question(&self) -> bool { self.base.$question() })* };
}

/// Grammar that is accepted in every dialect.
macro_rules! allowed {
    ($($question:ident)*) => { $(fn $question(&self) -> bool { true })* };
}

impl base::Dialect for Grammar {
    allowed! {
        allow_extract_custom allow_extract_single_quotes supports_alter_column_type_using
        supports_asc_desc_in_column_definition
        supports_column_definition_trailing_commas supports_comma_separated_drop_column_list
        supports_comma_separated_set_assignments supports_comma_separated_trim supports_comment_on
        supports_create_index_with_clause supports_create_table_like_parenthesized
        supports_create_table_multi_schema_info_sources supports_create_table_select supports_create_table_using
        supports_create_view_comment_syntax supports_cross_join_constraint supports_cte_without_as
        supports_data_type_signed_suffix supports_detach supports_end_transaction_modifier supports_execute_immediate
        supports_explain_with_utility_options supports_extract_comma_syntax supports_filter_during_aggregation
        supports_from_first_select supports_from_trailing_commas supports_group_by_expr
        supports_group_by_with_modifier supports_in_empty_list supports_insert_set
        supports_install
        supports_limit_comma supports_load_data
        supports_named_fn_args_with_assignment_operator supports_named_fn_args_with_rarrow_operator
        supports_object_name_double_dot_notation supports_optimize_table supports_order_by_all
        supports_parens_around_table_factor supports_parenthesized_set_variables supports_partition_by_after_order_by
        supports_pipe_operator supports_projection_trailing_commas supports_select_expr_star
        supports_select_item_multi_column_alias supports_select_wildcard_except supports_select_wildcard_exclude
        supports_select_wildcard_ilike supports_select_wildcard_rename supports_select_wildcard_replace
        supports_set_names supports_start_transaction_modifier
        supports_string_literal_concatenation_with_newline supports_subquery_as_function_arg
        supports_table_versioning supports_try_convert supports_update_order_by
        supports_values_as_table_factor supports_window_clause_named_window_reference
        supports_window_function_null_treatment_arg supports_within_after_array_aggregation
    }

    fn supports_left_associative_joins_without_parens(&self) -> bool {
        !self.nested_joins && self.base.supports_left_associative_joins_without_parens()
    }

    asked! {
        supports_array_typedef_without_element_type
        supports_insert_table_alias supports_table_sample_before_alias supports_insert_table_function
        supports_select_wildcard_with_alias supports_insert_table_query
        supports_string_literal_backslash_escape ignores_wildcard_escapes supports_unicode_string_literal
        supports_array_join_syntax supports_alter_user_as_alter_role supports_outer_join_operator
        supports_in_unparenthesized_expr supports_named_fn_args_with_eq_operator
        supports_named_fn_args_with_colon_operator supports_named_fn_args_with_expr_name supports_numeric_prefix
        supports_numeric_literal_underscores supports_dictionary_syntax support_map_literal_syntax
        convert_type_before_value supports_triple_quoted_string supports_trailing_commas supports_empty_projections
        supports_from_first_insert supports_user_host_grantee supports_match_against supports_select_exclude
        supports_select_modifiers describe_requires_table_keyword supports_dollar_placeholder
        supports_dollar_as_money_prefix require_interval_qualifier supports_factorial_operator
        supports_nested_comments supports_multiline_comment_hints supports_eq_alias_assignment
        supports_bang_not_operator supports_listen_notify supports_exclude_constraint supports_load_extension
        supports_top_before_distinct supports_boolean_literals supports_show_like_before_in
        supports_leading_comma_before_table_options supports_partiql supports_unpivot_expr
        supports_constraint_keyword_without_name supports_key_column_option supports_insert_format
        supports_set_stmt_without_operator supports_string_escape_constant supports_table_hints
        requires_single_line_comment_whitespace supports_geometric_types supports_order_by_using_operator
        supports_space_separated_column_options supports_notnull_operator supports_interval_options
        supports_semantic_view_table_factor supports_quote_delimited_string supports_comment_optimizer_hint
        supports_double_ampersand_operator supports_binary_kw_as_cast supports_prewhere supports_with_fill
        supports_limit_by supports_interpolate supports_settings supports_select_format supports_xml_expressions
        supports_aliased_function_args supports_long_type_as_bigint supports_map_literal_with_angle_brackets
    }

    fn dialect(&self) -> TypeId {
        self.base.dialect()
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_match_recognize(&self) -> bool {
        self.base.supports_match_recognize() || self.is(&[Dialect::Trino])
    }

    fn supports_struct_literal(&self) -> bool {
        self.base.supports_struct_literal()
    }

    fn supports_lambda_functions(&self) -> bool {
        self.base.supports_lambda_functions() || self.is(&[Dialect::Trino])
    }

    fn supports_connect_by(&self) -> bool {
        self.base.supports_connect_by()
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        self.base.supports_array_typedef_with_brackets()
    }

    fn supports_string_literal_concatenation(&self) -> bool {
        self.base.supports_string_literal_concatenation() || self.is(&[Dialect::BigQuery, Dialect::Spark, Dialect::Databricks])
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        self.base.is_delimited_identifier_start(ch)
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        self.base.identifier_quote_style(identifier)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        self.base.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        self.base.is_identifier_part(ch)
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        self.base.parse_prefix(parser)
    }

    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
        self.base.parse_infix(parser, expr, precedence)
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        self.base.get_next_precedence(parser)
    }

    fn parse_statement(&self, parser: &mut Parser) -> Option<Result<Statement, ParserError>> {
        let several = self.is(&[Dialect::Oracle, Dialect::Generic]) && {
            let word = |at| match &parser.peek_nth_token_ref(at).token {
                sqlparser::tokenizer::Token::Word(word) => word.keyword,
                _ => Keyword::NoKeyword,
            };
            word(0) == Keyword::INSERT && matches!(word(1), Keyword::ALL | Keyword::FIRST)
        };
        if several { base::SnowflakeDialect {}.parse_statement(parser) } else { self.base.parse_statement(parser) }
    }

    fn parse_column_option(&self, parser: &mut Parser) -> Result<Option<Result<Option<ColumnOption>, ParserError>>, ParserError> {
        self.base.parse_column_option(parser)
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        self.base.prec_value(precedence)
    }

    fn prec_unknown(&self) -> u8 {
        self.base.prec_unknown()
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        self.base.is_reserved_for_identifier(keyword)
    }

    fn get_reserved_keywords_for_select_item_operator(&self) -> &[Keyword] {
        self.base.get_reserved_keywords_for_select_item_operator()
    }

    fn get_reserved_grantees_types(&self) -> &[GranteesType] {
        self.base.get_reserved_grantees_types()
    }

    fn is_column_alias(&self, keyword: &Keyword, parser: &mut Parser) -> bool {
        self.base.is_column_alias(keyword, parser)
    }

    fn is_select_item_alias(&self, explicit: bool, keyword: &Keyword, parser: &mut Parser) -> bool {
        self.base.is_select_item_alias(explicit, keyword, parser)
    }

    fn is_table_factor(&self, keyword: &Keyword, parser: &mut Parser) -> bool {
        self.base.is_table_factor(keyword, parser)
    }

    fn is_table_alias(&self, keyword: &Keyword, parser: &mut Parser) -> bool {
        self.base.is_table_alias(keyword, parser)
    }

    fn is_table_factor_alias(&self, explicit: bool, keyword: &Keyword, parser: &mut Parser) -> bool {
        let before_join = matches!(&parser.get_current_token().token, Token::Word(word) if word.quote_style.is_none()
            && ["positional", "asof"].iter().any(|kind| word.value.eq_ignore_ascii_case(kind)))
            && matches!(&parser.peek_token_ref().token, Token::Word(word) if matches!(word.keyword, Keyword::JOIN | Keyword::LEFT));
        // `orders start`, where it does not begin Oracle's and Snowflake's START WITH.
        let is_start = *keyword == Keyword::START
            && !matches!(&parser.peek_token_ref().token, Token::Word(word) if word.keyword == Keyword::WITH);
        is_start
            || !(before_join && !explicit && self.is(&[Dialect::DuckDb]))
                && self.base.is_table_factor_alias(explicit, keyword, parser)
    }

    fn is_identifier_generating_function_name(&self, ident: &Ident, name_parts: &[ObjectNamePart]) -> bool {
        self.base.is_identifier_generating_function_name(ident, name_parts)
    }
}
