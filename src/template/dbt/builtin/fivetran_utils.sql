{# Our own macros of fivetran_utils, as far as lineage depends on them. #}

{% macro fill_staging_columns(source_columns, staging_columns) %}
  {%- set known = [] -%}
  {%- for column in source_columns -%}{%- do known.append(column.name | lower) -%}{%- endfor -%}
  {%- for column in staging_columns -%}
    {%- set alias = column.alias if column.alias else column.name -%}
    {%- if (column.name | lower) in known -%}
      {% if column.alias %}{{ column.name }} as {{ column.alias }}{% else %}{{ column.name }}{% endif %}
    {%- else -%}
      cast(null as {{ column.datatype }}) as {{ alias }}
    {%- endif -%}
    {{ ',' if not loop.last }}
  {% endfor -%}
{% endmacro %}

{% macro fill_pass_through_columns(pass_through_variable) %}
  {%- for field in (var(pass_through_variable, []) or []) -%}
    {%- if field is mapping -%}
    , {{ field.transform_sql if field.transform_sql else field.name }} as {{ field.alias if field.alias else field.name }}
    {%- else -%}, {{ field }}{%- endif -%}
  {%- endfor -%}
{% endmacro %}

{% macro add_pass_through_columns(base_columns, pass_through_var) %}
  {%- for column in (pass_through_var or []) -%}
    {%- if column is mapping -%}
      {%- do base_columns.append({"name": column.name, "alias": column.alias if column.alias else column.name, "datatype": column.datatype if column.datatype else dbt.type_string()}) -%}
    {%- else -%}
      {%- do base_columns.append({"name": column, "datatype": dbt.type_string()}) -%}
    {%- endif -%}
  {%- endfor -%}
{% endmacro %}

{% macro persist_pass_through_columns(pass_through_variable, identifier=none, transform='', coalesce_with=none, append_string='') %}
  {%- for field in (var(pass_through_variable, []) or []) -%}
    {%- set name = (field.alias if field.alias else field.name) if field is mapping else field -%}
    , {{ transform ~ '(' if transform }}{{ identifier ~ '.' if identifier }}{{ name }}{{ append_string }}{{ ')' if transform }}{% if transform %} as {{ name }}{% endif %}
  {%- endfor -%}
{% endmacro %}

{% macro union_data(table_identifier, database_variable, schema_variable, default_database, default_schema, default_variable, union_schema_variable='union_schemas', union_database_variable='union_databases') %}
select * from {{ var(default_variable) }}
{% endmacro %}

{% macro union_connections(connection_dictionary=none, single_source_name=none, single_table_name=none, default_identifier=none) %}
{%- set connections = connection_dictionary -%}
select * from {{ source(single_source_name, single_table_name) }}
{% endmacro %}

{% macro source_relation(union_schema_variable='union_schemas', union_database_variable='union_databases') %}
, cast('' as {{ dbt.type_string() }}) as source_relation
{% endmacro %}
{% macro apply_source_relation(connection_dictionary=none, single_source_name=none, single_table_name=none) %}
, cast('' as {{ dbt.type_string() }}) as source_relation
{% endmacro %}
{% macro partition_by_source_relation(has_other_partitions='yes', alias=none, union_schema_variable=none, connections_variable=none, package_name=none) %}{% endmacro %}

{% macro timestamp_add(datepart, interval, from_timestamp) %}dateadd('{{ datepart }}', {{ interval }}, {{ from_timestamp }}){% endmacro %}
{% macro timestamp_diff(first_date, second_date, datepart) %}datediff('{{ datepart }}', {{ first_date }}, {{ second_date }}){% endmacro %}
{% macro ceiling(num) %}ceiling({{ num }}){% endmacro %}
{% macro max_bool(boolean_field) %}max({{ boolean_field }}){% endmacro %}
{% macro string_agg(field_to_agg, delimiter) %}{{ dbt.listagg(field_to_agg, delimiter) }}{% endmacro %}
{% macro array_agg(field_to_agg) %}array_agg({{ field_to_agg }}){% endmacro %}
{% macro json_extract(string, string_path) %}json_extract_path_text({{ string }}, '{{ string_path }}'){% endmacro %}
{% macro json_parse(string, string_path) %}json_extract_path_text({{ string }}, '{{ string_path | join('.') }}'){% endmacro %}
{% macro try_cast(field, type) %}cast({{ field }} as {{ type }}){% endmacro %}
{% macro percentile(percentile_field, partition_field, percent) %}percentile_cont({{ percent }}) within group (order by {{ percentile_field }}) over (partition by {{ partition_field }}){% endmacro %}
{% macro enabled_vars(vars) %}{{ return(true) }}{% endmacro %}
{% macro enabled_vars_one_true(vars) %}{{ return(true) }}{% endmacro %}
{% macro empty_variable_warning(variable, downstream_model) %}{% endmacro %}
{% macro drop_schemas_automation(drop_target_schema=true) %}{% endmacro %}
{% macro pivot_json_extract(string, list_of_properties) %}
  {%- for property in list_of_properties -%}
    {%- if property is mapping -%}json_extract_path_text({{ string }}, '{{ property.name }}') as {{ property.alias if property.alias else property.name }}
    {%- else -%}json_extract_path_text({{ string }}, '{{ property }}') as {{ property }}{%- endif -%}{{ ',' if not loop.last }}
  {%- endfor -%}
{% endmacro %}
{% macro extract_url_parameter(field, url_parameter) %}nullif(split_part({{ field }}, '{{ url_parameter }}=', 2), ''){% endmacro %}
{% macro remove_prefix_from_columns(columns, prefix='', exclude=[]) %}
  {%- for column in columns if column.name not in exclude -%}
    {{ column.name }} as {{ column.name | replace(prefix, '') }}{{ ',' if not loop.last }}
  {%- endfor -%}
{% endmacro %}
