{# Our own macros of dbt_date, as far as lineage depends on them. #}
{% macro now(tz=none) %}current_timestamp{% endmacro %}
{% macro today(tz=none) %}current_date{% endmacro %}
{% macro yesterday(date=none, tz=none) %}current_date{% endmacro %}
{% macro tomorrow(date=none, tz=none) %}current_date{% endmacro %}
{% macro convert_timezone(column, target_tz=none, source_tz=none) %}convert_timezone('UTC', {{ column }}){% endmacro %}
{% macro n_days_ago(n, date=none, tz=none) %}current_date{% endmacro %}
{% macro n_days_away(n, date=none, tz=none) %}current_date{% endmacro %}
{% macro n_weeks_ago(n, tz=none) %}current_date{% endmacro %}
{% macro n_months_ago(n, tz=none) %}current_date{% endmacro %}
{% macro date_part(datepart, date) %}date_part('{{ datepart }}', {{ date }}){% endmacro %}
{% macro day_of_week(date, isoweek=true) %}date_part('dayofweek', {{ date }}){% endmacro %}
{% macro day_of_month(date) %}date_part('day', {{ date }}){% endmacro %}
{% macro day_of_year(date) %}date_part('dayofyear', {{ date }}){% endmacro %}
{% macro day_name(date, short=True) %}to_char({{ date }}, 'Dy'){% endmacro %}
{% macro month_name(date, short=True) %}to_char({{ date }}, 'Mon'){% endmacro %}
{% macro week_start(date=none) %}date_trunc('week', {{ date }}){% endmacro %}
{% macro week_end(date=none) %}date_trunc('week', {{ date }}){% endmacro %}
{% macro week_of_year(date=none) %}date_part('week', {{ date }}){% endmacro %}
{% macro iso_week_start(date=none) %}date_trunc('week', {{ date }}){% endmacro %}
{% macro iso_week_end(date=none) %}date_trunc('week', {{ date }}){% endmacro %}
{% macro iso_week_of_year(date=none) %}date_part('week', {{ date }}){% endmacro %}
{% macro to_unixtimestamp(timestamp) %}date_part('epoch', {{ timestamp }}){% endmacro %}
{% macro from_unixtimestamp(epochs, format='seconds') %}to_timestamp({{ epochs }}){% endmacro %}
{% macro round_timestamp(timestamp) %}date_trunc('day', {{ timestamp }}){% endmacro %}
{% macro periods_since(date_col, period_name='day', tz=none) %}datediff('{{ period_name }}', {{ date_col }}, current_timestamp){% endmacro %}
{% macro get_base_dates(start_date=none, end_date=none, n_dateparts=none, datepart='day') %}
select current_date as date_{{ datepart }}
{% endmacro %}
{% macro get_date_dimension(start_date, end_date) %}
select d.date_day, d.date_day as prior_date_day, d.date_day as next_date_day, d.date_day as prior_year_date_day,
  date_part('dayofweek', d.date_day) as day_of_week, date_part('dayofweek', d.date_day) as day_of_week_iso,
  to_char(d.date_day, 'Day') as day_of_week_name, to_char(d.date_day, 'Dy') as day_of_week_name_short,
  date_part('day', d.date_day) as day_of_month, date_part('dayofyear', d.date_day) as day_of_year,
  date_trunc('week', d.date_day) as week_start_date, date_trunc('week', d.date_day) as week_end_date,
  date_part('week', d.date_day) as week_of_year, date_part('month', d.date_day) as month_of_year,
  to_char(d.date_day, 'Month') as month_name, date_trunc('month', d.date_day) as month_start_date,
  date_part('quarter', d.date_day) as quarter_of_year, date_part('year', d.date_day) as year_number
from (select current_date as date_day) as d
{% endmacro %}
