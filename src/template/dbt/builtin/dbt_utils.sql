{# Our own macros of dbt_utils, with its semantics where lineage depends on them. Columns come from the
   catalog; where it does not know them a star stands for them. #}

{% macro group_by(n) %}group by {% for i in range(1, n + 1) %}{{ i }}{{ ', ' if not loop.last }}{% endfor %}{% endmacro %}

{% macro generate_surrogate_key(field_list) %}
  {%- set fields = [] -%}
  {%- for field in field_list -%}
    {%- do fields.append("coalesce(cast(" ~ field ~ " as " ~ type_string() ~ "), '_dbt_utils_surrogate_key_null_')") -%}
  {%- endfor -%}
  {{ return("md5(cast(" ~ (fields | join(" || '-' || ")) ~ " as " ~ type_string() ~ "))") }}
{% endmacro %}

{% macro surrogate_key(field_list) %}
  {%- set all = field_list if field_list is not string else [field_list] + varargs -%}
  {{ return(generate_surrogate_key(all)) }}
{% endmacro %}

{% macro get_filtered_columns_in_relation(from, except=[]) %}
  {%- set known = __columns(from) -%}
  {%- set left_out = except | map("lower") | list -%}
  {%- set names = [] -%}
  {%- if known is none -%}{{ return(adapter.get_columns_in_relation(from)) }}{%- endif -%}
  {%- for column in known if (column.name | lower) not in left_out -%}
    {%- do names.append(column.name) -%}
  {%- endfor -%}
  {{ return(names) }}
{% endmacro %}

{% macro star(from, relation_alias=False, except=[], prefix='', suffix='', quote_identifiers=True) %}
  {%- set known = __columns(from) -%}
  {%- if known is none -%}
    {{ return((relation_alias ~ '.*') if relation_alias else '*') }}
  {%- endif -%}
  {%- set left_out = except | map("lower") | list -%}
  {%- set parts = [] -%}
  {%- for column in known if (column.name | lower) not in left_out -%}
    {%- set own = (relation_alias ~ '.' if relation_alias else '') ~ column.quoted -%}
    {%- do parts.append(own ~ ((' as ' ~ prefix ~ column.name ~ suffix) if prefix or suffix else '')) -%}
  {%- endfor -%}
  {{ return(parts | join(', ') if parts else '*') }}
{% endmacro %}

{% macro union_relations(relations, column_override=none, include=[], exclude=[], source_column_name='_dbt_source_relation', where=none) %}
  {%- set wanted = include | map("lower") | list -%}
  {%- set left_out = exclude | map("lower") | list -%}
  {%- set names = [] -%}
  {%- set seen = [] -%}
  {%- set state = namespace(known=true) -%}
  {%- set own = {} -%}
  {%- for relation in relations -%}
    {%- set columns = __columns(relation) -%}
    {%- if columns is none -%}
      {%- set state.known = false -%}
    {%- else -%}
      {%- set its = [] -%}
      {%- for column in columns -%}
        {%- set key = column.name | lower -%}
        {%- do its.append(key) -%}
        {%- if key not in seen and key not in left_out and (not wanted or key in wanted) -%}
          {%- do seen.append(key) -%}{%- do names.append(column) -%}
        {%- endif -%}
      {%- endfor -%}
      {%- do own.update({relation | string: its}) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- for relation in relations %}
    (select {% if source_column_name is not none %}cast('{{ relation }}' as {{ type_string() }}) as {{ source_column_name }},{% endif %}
    {% if not state.known %}*{% else %}
      {%- for column in names %}{% if (column.name | lower) in own[relation | string] %}cast({{ column.quoted }} as {{ column.data_type }}) as {{ column.quoted }}{% else %}cast(null as {{ column.data_type }}) as {{ column.quoted }}{% endif %}{{ ', ' if not loop.last }}{% endfor -%}
      {%- if not names %}*{% endif %}
    {%- endif %}
    from {{ relation }}{% if where %} where {{ where }}{% endif %})
    {{ 'union all' if not loop.last }}
  {% endfor -%}
{% endmacro %}

{% macro pivot(column, values, alias=True, agg='sum', cmp='=', prefix='', suffix='', then_value=1, else_value=0, quote_identifiers=True, distinct=False) %}
  {%- for value in values %}
    {{ agg }}({% if distinct %}distinct{% endif %} case when {{ column }} {{ cmp }} '{{ value }}' then {{ then_value }} else {{ else_value }} end)
    {%- if alias %} as {{ adapter.quote(prefix ~ value ~ suffix) if quote_identifiers else slugify(prefix ~ value ~ suffix) }}{% endif %}{{ ',' if not loop.last }}
  {%- endfor %}
{% endmacro %}

{% macro unpivot(relation=none, cast_to='varchar', exclude=none, remove=none, field_name='field_name', value_name='value', quote_identifiers=False, table=none) %}
  {%- set relation = relation or table -%}
  {%- set kept = exclude if exclude is not none else [] -%}
  {%- set out = (remove if remove is not none else []) | map("lower") | list -%}
  {%- set known = __columns(relation) -%}
  {%- set low = kept | map("lower") | list -%}
  {%- if known is none -%}
    select {% for name in kept %}{{ name }}, {% endfor %}cast('{{ relation }}' as {{ type_string() }}) as {{ field_name }}, cast(null as {{ cast_to }}) as {{ value_name }} from {{ relation }}
  {%- else -%}
    {%- set columns = [] -%}
    {%- for column in known if (column.name | lower) not in low and (column.name | lower) not in out -%}
      {%- do columns.append(column) -%}
    {%- endfor -%}
    {%- for column in columns %}
      select {% for name in kept %}{{ name }}, {% endfor %}cast('{{ column.name }}' as {{ type_string() }}) as {{ field_name }}, cast({{ column.quoted }} as {{ cast_to }}) as {{ value_name }} from {{ relation }}
      {{ 'union all' if not loop.last }}
    {%- endfor %}
  {%- endif %}
{% endmacro %}

{% macro deduplicate(relation, partition_by, order_by=none, group_by=none, relation_alias=none) %}
  select deduplicated.* from {{ relation_alias if relation_alias else relation }} as deduplicated
  qualify row_number() over (partition by {{ partition_by or group_by }}{% if order_by %} order by {{ order_by }}{% endif %}) = 1
{% endmacro %}

{% macro date_spine(datepart, start_date, end_date) %}
  select date_{{ datepart }} from (select dateadd('{{ datepart }}', 1, {{ start_date }}) as date_{{ datepart }}) as all_periods
  where date_{{ datepart }} <= {{ end_date }}
{% endmacro %}

{% macro generate_series(upper_bound) %}select 1 as generated_number{% endmacro %}
{% macro get_intervals_between(start_date, end_date, datepart) %}{{ return(1) }}{% endmacro %}
{% macro get_column_values(table, column, order_by='count(*) desc', max_records=none, default=none, where=none) %}
  {{ return(load_result('values of ' ~ column)) }}
{% endmacro %}
{% macro get_single_value(sql_statement, default=none) %}{{ return(load_result('single value')) }}{% endmacro %}
{% macro get_query_results_as_dict(query) %}{{ return(load_result('rows')) }}{% endmacro %}
{% macro get_relations_by_pattern(schema_pattern, table_pattern, exclude='', database=none) %}{{ return(load_result('relations like ' ~ table_pattern)) }}{% endmacro %}
{% macro get_relations_by_prefix(schema, prefix, exclude='', database=none) %}{{ return(load_result('relations like ' ~ prefix)) }}{% endmacro %}

{% macro safe_add(field_list) %}
  {%- set all = field_list if field_list is not string else [field_list] + varargs -%}
  {%- set parts = [] -%}
  {%- for field in all -%}{%- do parts.append("coalesce(" ~ field ~ ", 0)") -%}{%- endfor -%}
  {{ return(parts | join(' + ')) }}
{% endmacro %}
{% macro safe_subtract(field_list) %}
  {%- set parts = [] -%}
  {%- for field in field_list -%}{%- do parts.append("coalesce(" ~ field ~ ", 0)") -%}{%- endfor -%}
  {{ return(parts | join(' - ')) }}
{% endmacro %}
{% macro safe_divide(numerator, denominator) %}( {{ numerator }} ) / nullif( ( {{ denominator }} ), 0){% endmacro %}
{% macro slugify(string) %}{{ return((string | string | trim | lower | replace(' ', '_') | replace('-', '_') | replace('/', '_') | replace('.', '_'))) }}{% endmacro %}
{% macro nullcheck_table(relation) %}select * from {{ relation }}{% endmacro %}
{% macro haversine_distance(lat1, lon1, lat2, lon2, unit='mi') %}haversine({{ lat1 }}, {{ lon1 }}, {{ lat2 }}, {{ lon2 }}){% endmacro %}
{% macro width_bucket(expr, min_value, max_value, num_buckets) %}width_bucket({{ expr }}, {{ min_value }}, {{ max_value }}, {{ num_buckets }}){% endmacro %}
{% macro get_url_parameter(field, url_parameter) %}nullif(split_part({{ field }}, '{{ url_parameter }}=', 2), ''){% endmacro %}
{% macro get_url_host(field) %}split_part({{ field }}, '/', 3){% endmacro %}
{% macro get_url_path(field) %}split_part({{ field }}, '/', 4){% endmacro %}
{% macro pretty_time(format='%H:%M:%S') %}{{ return('') }}{% endmacro %}
{% macro pretty_log_format(message) %}{{ return(message) }}{% endmacro %}
{% macro log_info(message) %}{% endmacro %}
{% macro _is_relation(obj, macro) %}{% endmacro %}
{% macro _is_ephemeral(obj, macro) %}{% endmacro %}
{% macro identifier(value) %}{{ return(value) }}{% endmacro %}

{# What moved to dbt itself, under its old name. #}
{% macro dateadd(datepart, interval, from_date_or_timestamp) %}dateadd('{{ datepart }}', {{ interval }}, {{ from_date_or_timestamp }}){% endmacro %}
{% macro datediff(first_date, second_date, datepart) %}datediff('{{ datepart }}', {{ first_date }}, {{ second_date }}){% endmacro %}
{% macro date_trunc(datepart, date) %}date_trunc('{{ datepart }}', {{ date }}){% endmacro %}
{% macro last_day(date, datepart) %}last_day_of('{{ datepart }}', {{ date }}){% endmacro %}
{% macro type_string() %}{{ return(dbt.type_string()) }}{% endmacro %}
{% macro type_timestamp() %}{{ return('timestamp') }}{% endmacro %}
{% macro type_float() %}{{ return(dbt.type_float()) }}{% endmacro %}
{% macro type_numeric() %}{{ return(dbt.type_numeric()) }}{% endmacro %}
{% macro type_bigint() %}{{ return(dbt.type_bigint()) }}{% endmacro %}
{% macro type_int() %}{{ return(dbt.type_int()) }}{% endmacro %}
{% macro concat(fields) %}{{ return(fields | join(' || ')) }}{% endmacro %}
{% macro split_part(string_text, delimiter_text, part_number) %}split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }}){% endmacro %}
{% macro replace(field, old_chars, new_chars) %}replace({{ field }}, {{ old_chars }}, {{ new_chars }}){% endmacro %}
{% macro position(substring_text, string_text) %}strpos({{ string_text }}, {{ substring_text }}){% endmacro %}
{% macro length(expression) %}length({{ expression }}){% endmacro %}
{% macro right(string_text, length_expression) %}right({{ string_text }}, {{ length_expression }}){% endmacro %}
{% macro hash(field) %}md5(cast({{ field }} as {{ type_string() }})){% endmacro %}
{% macro string_literal(value) %}'{{ value }}'{% endmacro %}
{% macro safe_cast(field, type) %}cast({{ field }} as {{ type }}){% endmacro %}
{% macro cast_bool_to_text(field) %}cast({{ field }} as {{ type_string() }}){% endmacro %}
{% macro bool_or(expression) %}max({{ expression }}){% endmacro %}
{% macro any_value(expression) %}max({{ expression }}){% endmacro %}
{% macro listagg(measure, delimiter_text="','", order_by_clause=none, limit_num=none) %}{{ dbt.listagg(measure, delimiter_text, order_by_clause, limit_num) }}{% endmacro %}
{% macro current_timestamp() %}{{ return('current_timestamp') }}{% endmacro %}
{% macro current_timestamp_in_utc() %}{{ return('current_timestamp') }}{% endmacro %}
{% macro except() %}except{% endmacro %}
{% macro intersect() %}intersect{% endmacro %}
