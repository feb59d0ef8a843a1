//! Templated SQL: what is rendered, and where each byte of it comes from.

use std::collections::BTreeMap;

use serde_json::json;
use wellspring::{
    model::Span,
    template::{Rendered, Settings, is_placeholder, is_templated, render},
};

fn rendered(text: &str) -> Rendered {
    render(text, &Settings::default())
}

/// The only rendering of `text`.
fn only(text: &str) -> String {
    let rendered = rendered(text);
    assert_eq!(rendered.variants.len(), 1, "{:#?}", rendered.variants);
    rendered.variants[0].text.clone()
}

fn with(variables: serde_json::Value) -> Settings {
    let serde_json::Value::Object(entries) = variables else { panic!("variables are a map") };
    Settings { variables: entries.into_iter().collect::<BTreeMap<_, _>>(), ..Settings::default() }
}

fn codes(rendered: &Rendered) -> Vec<&str> {
    rendered.diagnostics.iter().map(|diagnostic| diagnostic.code.as_str()).collect()
}

#[test]
fn a_text_without_tags_is_left_as_it_is_and_maps_to_itself() {
    let text = "SELECT a -- é\nFROM t\n";
    let rendered = rendered(text);
    assert_eq!(rendered.variants[0].text, text);
    assert!(rendered.diagnostics.is_empty());
    for offset in 0..text.len() as u32 {
        assert_eq!(rendered.variants[0].offsets.source_offset(offset), offset);
    }
    assert!(!is_templated(text));
    assert!(is_templated("{{ a }}") && is_templated("{% if a %}") && is_templated("{# a #}"));
}

#[test]
fn literal_text_maps_byte_by_byte_and_a_value_to_its_braces() {
    let text = "SELECT {{ column }}, b\nFROM {# noise #}\n  {{- ' ' -}} raw.{{ table }} t";
    let rendered = render(text, &with(json!({"column": "amount", "table": "orders"})));
    let variant = &rendered.variants[0];
    assert_eq!(variant.text, "SELECT amount, b\nFROM raw.orders t".replace("FROM raw", "FROM  raw"));
    assert!(rendered.diagnostics.is_empty());
    let source_of = |part: &str| {
        let start = variant.text.find(part).unwrap();
        variant.offsets.source_span(Span::new(start, start + part.len())).of(text)
    };
    assert_eq!(source_of("SELECT "), "SELECT ");
    assert_eq!(source_of("amount"), "{{ column }}");
    assert_eq!(source_of("mou"), "{{ column }}");
    assert_eq!(source_of("b\nFROM"), "b\nFROM");
    assert_eq!(source_of("raw.orders"), "raw.{{ table }}");
    let last = u32::try_from(variant.text.len() - 1).unwrap();
    assert_eq!(variant.offsets.source_offset(last) as usize, text.len() - 1);
}

#[test]
fn offsets_hold_behind_rewritten_conditions_and_loops() {
    let text = "{% if a %}{% for x in [1, 2] %}SELECT {{ x }};{% endfor %}{% endif %}tail";
    let rendered = render(text, &with(json!({"a": true})));
    let variant = &rendered.variants[0];
    assert_eq!(variant.text, "SELECT 1;SELECT 2;tail");
    let tail = variant.text.find("tail").unwrap();
    assert_eq!(variant.offsets.source_span(Span::new(tail, tail + 4)).of(text), "tail");
    let two = variant.text.find('2').unwrap();
    assert_eq!(variant.offsets.source_span(Span::new(two, two + 1)).of(text), "{{ x }}");
}

#[test]
fn an_unknown_name_becomes_a_marked_identifier_and_is_named() {
    let text =
        "SELECT * FROM `{{ project_id }}.raw.t`\nWHERE d = '{{ ds }}' AND {{ metrics.calculate(metrics=['x'], platform='p') }}";
    let rendered = rendered(text);
    let out = &rendered.variants[0].text;
    assert_eq!(out, "SELECT * FROM `__jinja_project_id.raw.t`\nWHERE d = '__jinja_ds' AND __jinja_metrics_calculate");
    assert!(is_placeholder("__jinja_project_id.raw.t"));
    assert_eq!(codes(&rendered), ["template-placeholder"; 3]);
    let spans: Vec<&str> = rendered.diagnostics.iter().map(|diagnostic| diagnostic.span.of(text)).collect();
    assert_eq!(spans, ["{{ project_id }}", "{{ ds }}", "{{ metrics.calculate(metrics=['x'], platform='p') }}"]);
    assert!(rendered.diagnostics[0].message.contains("`project_id`"));
}

#[test]
fn both_branches_of_is_init_are_rendered() {
    let text = "{% if is_init() %}SELECT a FROM old{% else %}SELECT a FROM new{% endif %}";
    let rendered = rendered(text);
    let texts: Vec<&str> = rendered.variants.iter().map(|variant| variant.text.as_str()).collect();
    assert_eq!(texts, ["SELECT a FROM old", "SELECT a FROM new"]);
    assert_eq!(rendered.variants[0].assumed, [("is_init()".to_owned(), true)]);
    assert_eq!(rendered.variants[1].assumed, [("is_init()".to_owned(), false)]);
    assert!(rendered.diagnostics.is_empty(), "{:?}", rendered.diagnostics);
}

#[test]
fn a_condition_and_its_negation_are_assumed_alike() {
    let text = "{% if not is_init() %}A{% endif %}{% if is_init() %}B{% endif %}";
    let rendered = rendered(text);
    let texts: Vec<&str> = rendered.variants.iter().map(|variant| variant.text.as_str()).collect();
    assert_eq!(texts, ["B", "A"]);
}

#[test]
fn each_branch_of_a_chain_over_an_unknown_value_is_rendered() {
    let text = "{% if app == 'a' %}A{% elif app == 'b' %}B{% elif app in ['c'] %}C{% else %}D{% endif %}";
    let mut texts: Vec<String> = rendered(text).variants.into_iter().map(|variant| variant.text).collect();
    texts.sort();
    assert_eq!(texts, ["A", "B", "C", "D"]);
    let known = render(text, &with(json!({"app": "b"})));
    assert_eq!(known.variants.len(), 1);
    assert_eq!(known.variants[0].text, "B");
}

#[test]
fn branches_that_render_alike_are_one_variant() {
    assert_eq!(only("{% if is_init() %}{% endif %}SELECT 1"), "SELECT 1");
}

#[test]
fn raw_blocks_comments_and_whitespace_control_are_jinjas() {
    assert_eq!(only("{% raw %}'{{ x }}'{% endraw %} {# gone #}a {%- set b = 1 -%} c\n"), "'{{ x }}' ac\n");
}

#[test]
fn sets_macros_and_loops_inside_the_file_are_followed() {
    let text = "{% macro cents(c) %}({{ c }} / 100){% endmacro %}{% set days = [7, 28] %}\
        SELECT {% for day in days %}{{ cents('a' ~ day) }} AS d{{ day }}{% if not loop.last %}, {% endif %}{% endfor %} FROM t";
    assert_eq!(only(text), "SELECT (a7 / 100) AS d7, (a28 / 100) AS d28 FROM t");
}

#[test]
fn a_loop_over_an_unknown_list_is_rendered_once() {
    assert_eq!(only("SELECT {% for c in columns %}{{ c }}, {% endfor %}1"), "SELECT __jinja_columns, 1");
    assert_eq!(
        only("{% for name, kind in fields.items() %}{{ name }}:{{ kind.x }};{% endfor %}"),
        "__jinja_fields_items_0:__jinja_fields_items_1_x;"
    );
}

#[test]
fn imports_are_not_followed_and_said() {
    let rendered = rendered("{% from 'macros.sql' import cents %}{% import \"x\" as x %}SELECT {{ cents('a') }}, {{ x.y }}");
    assert_eq!(rendered.variants[0].text, "SELECT __jinja_cents_a, __jinja_x_y");
    assert!(rendered.diagnostics.iter().any(|diagnostic| diagnostic.message.contains("macros.sql")));
}

#[test]
fn unknown_filters_and_tests_do_not_cost_the_rest() {
    let rendered = rendered("SELECT {{ 'a' | frobnicate(1) }} FROM t{% if 1 is odd_enough %} WHERE b{% endif %}");
    assert_eq!(rendered.variants[0].text, "SELECT __jinja_frobnicate FROM t WHERE b");
    assert_eq!(rendered.variants[1].text, "SELECT __jinja_frobnicate FROM t");
}

#[test]
fn computing_with_an_unknown_value_gives_up_that_expression_alone() {
    let rendered = rendered("{% set n = lookback * 7 %}SELECT a, {{ lookback + 1 }} AS n FROM t WHERE b > {{ n }}");
    let out = &rendered.variants[0].text;
    assert!(
        out.starts_with("SELECT a, __jinja_expression_") && out.contains(" AS n FROM t WHERE b > __jinja_expression_"),
        "{out}"
    );
    assert!(codes(&rendered).iter().all(|code| *code == "template-placeholder"));
}

#[test]
fn an_unknown_call_that_is_a_statement_becomes_a_comment() {
    let text =
        "#fail\n{{ min_row_count(1, \"a\") }}\n\n#warn\n{{ is_unique([\"x\"]) }}\nSELECT 1;\n{{ not_null() }};\nSELECT {{ f() }}";
    let out = only(text);
    assert_eq!(
        out,
        "#fail\n/* __jinja_min_row_count_a */\n\n#warn\n/* __jinja_is_unique */\nSELECT 1;\n/* __jinja_not_null */;\nSELECT __jinja_f"
    );
}

#[test]
fn a_broken_template_is_left_as_it_stands_with_its_place() {
    let text = "SELECT 1;\n{% if %}x";
    let rendered = rendered(text);
    assert_eq!(rendered.variants[0].text, text);
    assert_eq!(codes(&rendered), ["template-error"]);
    assert!(rendered.diagnostics[0].span.start >= 10, "{:?}", rendered.diagnostics);
}

#[test]
fn python_methods_and_known_maps_work() {
    let settings = with(json!({"dims": {"country": "geo", "os": "client"}, "name": "Firefox_iOS"}));
    let text =
        "{{ name.lower().replace('_', '-') }}{% for k, v in dims.items() %} {{ v }}.{{ k }}{% endfor %} {{ dims.get('x', 1) }}";
    assert_eq!(render(text, &settings).variants[0].text, "firefox-ios geo.country client.os 1");
}

#[test]
fn endless_work_and_endless_memory_are_stopped() {
    let started = std::time::Instant::now();
    for text in [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}SELECT 1",
        "{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
        "{{ 'x' * 90000000 }}",
    ] {
        let rendered = rendered(text);
        assert_eq!(rendered.variants[0].text, text);
        assert!(!rendered.diagnostics.is_empty());
    }
    assert!(started.elapsed().as_secs() < 20);
    assert!(only("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").len() < 100);
    let nested = format!("{}x{}", "{% if a %}".repeat(5_000), "{% endif %}".repeat(5_000));
    assert!(!rendered(&nested).variants.is_empty());
    let braces = "{{".repeat(200_000);
    assert!(!rendered(&braces).diagnostics.is_empty());
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(!rendered(&parens).diagnostics.is_empty());
}

proptest::proptest! {
    #[test]
    fn no_text_panics_and_every_offset_lies_in_the_file(text in "(\\{\\{|\\}\\}|\\{%|%\\}|\\{#|#\\}|-|if |else|endif|for x in |endfor|set a = |[a-z '.()é|\n]){0,40}") {
        let rendered = rendered(&text);
        for variant in &rendered.variants {
            for offset in 0..=variant.text.len() as u32 {
                proptest::prop_assert!(variant.offsets.source_offset(offset) as usize <= text.len());
            }
        }
    }
}

#[test]
fn the_place_of_an_error_at_the_end_lies_in_the_text() {
    for text in ["{{ f({\"a\": [\"b", "select 1 {% if x", "é {{ é"] {
        let rendered = render(text, &Settings::default());
        for diagnostic in &rendered.diagnostics {
            assert!(text.get(diagnostic.span.start as usize..diagnostic.span.end as usize).is_some(), "{diagnostic:?}");
        }
    }
}
