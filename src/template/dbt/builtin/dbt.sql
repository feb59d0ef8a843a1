{# Our own macros of dbt itself. Written for lineage: which columns flow where, in words that every
   dialect parses; dates and types are not those of any one warehouse. #}

{% macro generate_schema_name(custom_schema_name=none, node=none) %}
  {%- if custom_schema_name is none -%}{{ target.schema }}{%- else -%}{{ target.schema }}_{{ custom_schema_name | trim }}{%- endif -%}
{% endmacro %}

{% macro generate_schema_name_for_env(custom_schema_name=none, node=none) %}
  {%- if target.name == 'prod' and custom_schema_name is not none -%}{{ custom_schema_name | trim }}{%- else -%}{{ target.schema }}{%- endif -%}
{% endmacro %}

{% macro generate_database_name(custom_database_name=none, node=none) %}
  {%- if custom_database_name is none -%}{{ target.database }}{%- else -%}{{ custom_database_name | trim }}{%- endif -%}
{% endmacro %}

{% macro generate_alias_name(custom_alias_name=none, node=none) %}
  {%- if custom_alias_name -%}{{ custom_alias_name | trim }}
  {%- elif node.version -%}{{ node.name ~ "_v" ~ (node.version | string | replace(".", "_")) }}
  {%- else -%}{{ node.name }}{%- endif -%}
{% endmacro %}

{% macro type_string() %}{{ return('string' if target.type in ['bigquery', 'spark', 'databricks', 'hive'] else 'varchar') }}{% endmacro %}
{% macro type_timestamp() %}{{ return('timestamp') }}{% endmacro %}
{% macro type_datetime() %}{{ return('timestamp') }}{% endmacro %}
{% macro type_float() %}{{ return('float64' if target.type == 'bigquery' else 'float') }}{% endmacro %}
{% macro type_numeric() %}{{ return('numeric' if target.type == 'bigquery' else 'numeric(28,6)') }}{% endmacro %}
{% macro type_bigint() %}{{ return('int64' if target.type == 'bigquery' else 'bigint') }}{% endmacro %}
{% macro type_int() %}{{ return('int64' if target.type == 'bigquery' else 'int') }}{% endmacro %}
{% macro type_boolean() %}{{ return('bool' if target.type == 'bigquery' else 'boolean') }}{% endmacro %}

{% macro current_timestamp() %}{{ return('current_timestamp') }}{% endmacro %}
{% macro current_timestamp_backcompat() %}{{ return('current_timestamp') }}{% endmacro %}
{% macro current_timestamp_in_utc_backcompat() %}{{ return('current_timestamp') }}{% endmacro %}
{% macro snapshot_get_time() %}{{ return('current_timestamp') }}{% endmacro %}

{% macro dateadd(datepart, interval, from_date_or_timestamp) %}dateadd('{{ datepart }}', {{ interval }}, {{ from_date_or_timestamp }}){% endmacro %}
{% macro datediff(first_date, second_date, datepart) %}datediff('{{ datepart }}', {{ first_date }}, {{ second_date }}){% endmacro %}
{% macro date_trunc(datepart, date) %}{% if target.type == 'bigquery' %}timestamp_trunc({{ date }}, {{ datepart }}){% else %}date_trunc('{{ datepart }}', {{ date }}){% endif %}{% endmacro %}
{% macro date_part(datepart, date) %}date_part('{{ datepart }}', {{ date }}){% endmacro %}
{% macro last_day(date, datepart) %}last_day_of('{{ datepart }}', {{ date }}){% endmacro %}
{% macro date(year, month, day) %}{{ return(none) }}{% endmacro %}
{% macro convert_timezone(column, target_tz=none, source_tz=none) %}convert_timezone('UTC', {{ column }}){% endmacro %}

{% macro concat(fields) %}{{ return(fields | join(' || ')) }}{% endmacro %}
{% macro split_part(string_text, delimiter_text, part_number) %}split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }}){% endmacro %}
{% macro replace(field, old_chars, new_chars) %}replace({{ field }}, {{ old_chars }}, {{ new_chars }}){% endmacro %}
{% macro position(substring_text, string_text) %}strpos({{ string_text }}, {{ substring_text }}){% endmacro %}
{% macro length(expression) %}length({{ expression }}){% endmacro %}
{% macro right(string_text, length_expression) %}right({{ string_text }}, {{ length_expression }}){% endmacro %}
{% macro left(string_text, length_expression) %}left({{ string_text }}, {{ length_expression }}){% endmacro %}
{% macro hash(field) %}md5(cast({{ field }} as {{ type_string() }})){% endmacro %}
{% macro string_literal(value) %}'{{ value }}'{% endmacro %}
{% macro escape_single_quotes(expression) %}{{ return(expression | replace("'", "''")) }}{% endmacro %}
{% macro safe_cast(field, type) %}cast({{ field }} as {{ type }}){% endmacro %}
{% macro cast(field, type) %}cast({{ field }} as {{ type }}){% endmacro %}
{% macro cast_bool_to_text(field) %}cast({{ field }} as {{ type_string() }}){% endmacro %}
{% macro bool_or(expression) %}max({{ expression }}){% endmacro %}
{% macro any_value(expression) %}max({{ expression }}){% endmacro %}
{% macro listagg(measure, delimiter_text="','", order_by_clause=none, limit_num=none) %}
  {%- if target.type in ['snowflake', 'redshift', 'oracle'] -%}
  listagg({{ measure }}, {{ delimiter_text }}){% if order_by_clause %} within group ({{ order_by_clause }}){% endif %}
  {%- else -%}
  string_agg({{ measure }}, {{ delimiter_text }}{% if order_by_clause %} {{ order_by_clause }}{% endif %})
  {%- endif -%}
{% endmacro %}
{% macro array_construct(inputs=[], data_type=none) %}array[{{ inputs | join(', ') }}]{% endmacro %}
{% macro array_append(array, new_element) %}array_append({{ array }}, {{ new_element }}){% endmacro %}
{% macro array_concat(array_1, array_2) %}array_cat({{ array_1 }}, {{ array_2 }}){% endmacro %}
{% macro except() %}except{% endmacro %}
{% macro intersect() %}intersect{% endmacro %}
{% macro equals(expr1, expr2) %}(({{ expr1 }} = {{ expr2 }}) or (({{ expr1 }} is null) and ({{ expr2 }} is null))){% endmacro %}
{% macro get_powers_of_two(upper_bound) %}{{ return(1) }}{% endmacro %}
{% macro generate_series(upper_bound) %}select 1 as generated_number{% endmacro %}
{% macro date_spine(datepart, start_date, end_date) %}
select date_{{ datepart }} from (select dateadd('{{ datepart }}', 1, {{ start_date }}) as date_{{ datepart }}) as all_periods
where date_{{ datepart }} <= {{ end_date }}
{% endmacro %}
{% macro get_quoted_csv(column_names) %}{{ return(column_names | join(', ')) }}{% endmacro %}
{% macro partition_range(raw_partition_date, date_fmt='%Y%m%d') %}{{ return([raw_partition_date]) }}{% endmacro %}
{% macro get_columns_in_relation(relation) %}{{ return(adapter.get_columns_in_relation(relation)) }}{% endmacro %}
{% macro load_relation(relation) %}{{ return(adapter.get_relation(relation.database, relation.schema, relation.identifier)) }}{% endmacro %}
{% macro validate_sql(sql) %}{% endmacro %}
{% macro type_json() %}{{ return('json') }}{% endmacro %}
{% macro noop_statement() %}{% endmacro %}
{% macro get_columns_in_query(select_sql) %}{{ return([]) }}{% endmacro %}
