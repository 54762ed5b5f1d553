//! Values: QoS classes, durations, quantities, selectors, JSONPath (c, d, i, j, m).

use podarium::{
    api::{
        Pod,
        duration::{go_duration, human_duration, parse_go_duration, short_human_duration},
        quantity::{Format, Quantity},
        resources,
        selector::{FieldSelector, LabelSelector, Labels, Operator, Requirement},
    },
    kubectl::jsonpath::Template,
};
use serde_json::{Deserializer, Value};

use super::{Case, Failure, Outcome, Table, each, same, unknown};

pub fn run(table: &Table) -> Vec<Outcome> {
    let field = table.name.split('_').next().unwrap_or_default();
    each(table, |case| match field {
        "c" => qos(case),
        "d" => duration(case),
        "i" => quantity(case),
        "j" => selector(case),
        _ => jsonpath(case),
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn qos(case: Case) -> Outcome {
    if case.test != "TestComputePodQOS" {
        return unknown(case.test);
    }
    let pod: Pod = serde_json::from_value(case.input["pod"].clone()).map_err(|e| Failure::not_run(e.to_string()))?;
    same(resources::qos(&pod), text(&case.expected["expected"]))
}

fn duration(case: Case) -> Outcome {
    let written = text(&case.input["d"]);
    let Some(nanos) = parse_go_duration(written) else { return Err(Failure::not_run(format!("not read: {written}"))) };
    let seconds = nanos / 1_000_000_000;
    match case.test {
        "TestHumanDuration" | "TestHumanDurationBoundaries" => {
            same(human_duration(seconds).as_str(), text(&case.expected["want"]))
        }
        "TestShortHumanDurationBoundaries" => {
            same(short_human_duration(seconds).as_str(), text(&case.expected["want"]))
        }
        "generated (real function run)" => {
            let want = ["HumanDuration", "ShortHumanDuration", "Duration.String"].map(|key| text(&case.expected[key]));
            same(
                [&human_duration(seconds), &short_human_duration(seconds), &go_duration(nanos)].map(String::as_str),
                want,
            )
        }
        test => unknown(test),
    }
}

fn parsed(value: &Value) -> Result<Quantity, Failure> {
    text(value).parse().map_err(|error| Failure::not_run(format!("{value}: {error}")))
}

fn quantity(case: Case) -> Outcome {
    let (input, expected) = (case.input, case.expected);
    let number = |key: &str| input[key].as_i64().unwrap_or_default();
    let shown = |quantity: Quantity, key: &str| same(quantity.to_string().as_str(), text(&expected[key]));
    let scale = |key: &str| number(key) as i32;
    match case.test {
        "TestAdd" => shown(parsed(&input["a"])?.add(&parsed(&input["b"])?), "expected"),
        "TestSub" => shown(parsed(&input["a"])?.sub(&parsed(&input["b"])?), "expected"),
        "TestNeg" => shown(parsed(&input["a"])?.neg(), "expected"),
        "TestMul" => shown(parsed(&input["a"])?.mul(number("b")), "expected"),
        "TestMilliNewSet" => {
            let format = match text(&input["format"]) {
                "DecimalSI" => Format::DecimalSi,
                "BinarySI" => Format::BinarySi,
                _ => Format::DecimalExponent,
            };
            shown(Quantity::milli(number("value"), format), "expect")
        }
        "TestNewScaledSet" => shown(Quantity::scaled(number("value"), scale("scale"), Format::DecimalSi), "expect"),
        "TestScaledValue" => {
            let got = Quantity::scaled(1, scale("fromScale"), Format::DecimalSi).scaled_value(scale("toScale"));
            same(Some(got), expected["expected"].as_i64())
        }
        "TestQuantityCmp" => {
            let got = parsed(&input["x"])?.cmp(&parsed(&input["y"])?) as i64;
            same(Some(got), expected["expect"].as_i64())
        }
        "TestQuantityParseEmit" | "TestQuantityString" => {
            shown(parsed(&input["in"])?, "expect")?;
            match text(&input["alternate"]) {
                "" => Ok(()),
                other => same(parsed(&other.into())? == parsed(&input["in"])?, true),
            }
        }
        "generated (real ParseQuantity run)" => generated_quantity(case),
        test => unknown(test),
    }
}

fn generated_quantity(case: Case) -> Outcome {
    let parsed = text(&case.input["string"]).parse::<Quantity>();
    let error = case.expected["error"].as_str();
    let quantity = match (parsed, error) {
        (Err(got), error) => return same(got.to_string().as_str(), error.unwrap_or("no error")),
        (Ok(_), Some(error)) => return Err(Failure::new(error, "no error")),
        (Ok(quantity), None) => quantity,
    };
    let format = match quantity.format {
        Format::DecimalSi => "DecimalSI",
        Format::BinarySi => "BinarySI",
        Format::DecimalExponent => "DecimalExponent",
    };
    let got = [quantity.to_string(), format.into(), quantity.value().to_string(), quantity.milli_value().to_string()];
    let want = ["canonical", "format", "value", "milliValue"].map(|key| text(&case.expected[key]).to_string());
    same(got, want)?;
    same(Some(i64::from(quantity.sign())), case.expected["sign"].as_i64())?;
    same(Some(quantity.as_f64()), text(&case.expected["asApproximateFloat64"]).parse().ok())
}

fn labels(value: &Value) -> Labels {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

fn operator(name: &str) -> Option<Operator> {
    use Operator::*;
    let all = [In, NotIn, Equals, DoubleEquals, NotEquals, Exists, DoesNotExist, GreaterThan, LessThan];
    all.into_iter().find(|operator| operator.name() == name)
}

/// Key, operator and values of each requirement.
fn requirements(list: &[Requirement]) -> Vec<(String, String, Vec<String>)> {
    list.iter().map(|r| (r.key.clone(), r.operator.name().to_string(), r.values.clone())).collect()
}

fn wanted(list: &Value, operator: &str, values: &str) -> Vec<(String, String, Vec<String>)> {
    let one = |r: &Value| {
        let values = r[values].as_array().into_iter().flatten().map(|value| text(value).to_string()).collect();
        (text(&r["key"]).to_string(), text(&r[operator]).to_string(), values)
    };
    list.as_array().into_iter().flatten().map(one).collect()
}

fn selector(case: Case) -> Outcome {
    let (input, expected) = (case.input, case.expected);
    match case.test {
        "TestLabelSelectorParse" => {
            let parsed = LabelSelector::exact_labels(text(&input["selector"]));
            same(parsed.is_ok(), expected["valid"] == true)?;
            same(parsed.unwrap_or_default(), labels(&expected["labels"]))
        }
        "TestRequirementConstructor" => {
            let values = input["Vals"].as_array().into_iter().flatten().map(|value| text(value).to_string()).collect();
            let Some(operator) = operator(text(&input["Op"])) else {
                // Other operators can't even be named here.
                return same(expected["WantErr"].is_array(), true);
            };
            let error = Requirement::new(text(&input["Key"]), operator, values).err();
            // The expected errors come without their reasons.
            let want =
                expected["WantErr"].as_array().map(|all| all.iter().map(|e| text(&e["error"])).collect::<Vec<_>>());
            match (&error, want) {
                (None, None) => Ok(()),
                (Some(error), Some(want)) if want.iter().all(|want| error.contains(want)) => Ok(()),
                (_, want) => Err(Failure::new(format!("{want:?}"), format!("{error:?}"))),
            }
        }
        "TestRequirementSelectorMatching" => {
            let selector = LabelSelector::parse(text(&input["Sel"])).map_err(Failure::not_run)?;
            same(selector.matches(Some(&labels(&input["Set"]))), expected["Match"] == true)
        }
        "TestSelectorParse (good: parse and print unchanged)" => {
            let written = text(&input["value"]);
            let selector = LabelSelector::parse(written).map_err(Failure::not_run)?;
            same(selector.to_string(), written.replace(' ', ""))
        }
        "TestSelectorParse (bad: must fail)" => same(LabelSelector::parse(text(&input["value"])).is_err(), true),
        "TestSetSelectorParser" => {
            let parsed = LabelSelector::parse(text(&input["In"]));
            same(parsed.is_ok(), expected["Valid"] == true)?;
            let Ok(selector) = parsed else { return Ok(()) };
            // The test sorts its list before it compares.
            let mut want = wanted(&expected["Out"], "operator", "strValues");
            want.sort();
            same(requirements(&selector.requirements), want)
        }
        "generated (real labels.Parse run)" => match LabelSelector::parse(text(&input["selector"])) {
            Err(error) => same(error.as_str(), expected["error"].as_str().unwrap_or("no error")),
            Ok(_) if expected["error"].is_string() => Err(Failure::new(text(&expected["error"]), "no error")),
            Ok(selector) => {
                same(requirements(&selector.requirements), wanted(&expected["requirements"], "op", "values"))?;
                same(selector.to_string().as_str(), text(&expected["string"]))
            }
        },
        "generated (real fields.ParseSelector run)" => {
            let got = FieldSelector::parse(text(&input["fieldSelector"])).map(|selector| selector.to_string());
            let want = match expected["error"].as_str() {
                Some(error) => Err(error.to_string()),
                None => Ok(text(&expected["string"]).to_string()),
            };
            same(got, want)
        }
        test => unknown(test),
    }
}

fn jsonpath(case: Case) -> Outcome {
    let (input, expected) = (case.input, case.expected);
    if case.test == "TestFailParser" {
        let got = Template::parse(text(&input["text"])).err();
        return same(got.as_deref(), Some(text(&input["err"])));
    }
    let template = Template::parse(text(&input["template"]));
    let render = |template: Template| {
        // The table says otherwise of one test, whose name says what it was run with.
        let tolerant = input["allowMissingKeys"] == true || case.name.ends_with("tolerate missing items");
        let template = if tolerant { template } else { template.strict() };
        template.render(&input["input"])
    };
    let got = template.and_then(render);
    let want = text(&expected["expect"]);
    match case.test {
        "testJSONPath" => match got {
            Err(_) if expected["expectError"] == true => Ok(()),
            Err(error) => Err(Failure::new(want, format!("error: {error}"))),
            Ok(got) if expected["expectError"] == true => Err(Failure::new("an error", got)),
            Ok(got) if same_text(&got, want) => Ok(()),
            // Fields of structs come in the order of the source, which the table doesn't keep.
            Ok(got) if text(&input["template"]).contains("..") && sorted(&got) == sorted(want) => Ok(()),
            Ok(got) => Err(Failure::new(want, got)),
        },
        // The types of the tests' values are Go's own; all JSON is of one type here.
        "testFailJSONPath" => {
            let want = want.replace("map[string]int", "map[string]interface {}");
            same(got.err().as_deref(), Some(want.as_str()))
        }
        "testJSONPathSortOutput (tokens may come in any order)" => {
            same(sorted(&got.unwrap_or_else(|error| format!("error: {error}"))), sorted(want))
        }
        test => unknown(test),
    }
}

fn sorted(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text.split_whitespace().map(str::to_string).collect();
    words.sort();
    words
}

/// Whether texts are the same, or say the same JSON: the tests' structs are written down under Go's names of their fields
/// and in the order of the alphabet, while Go prints them in the order of the source and under their names in JSON.
fn same_text(got: &str, want: &str) -> bool {
    fn lower(value: Value) -> Value {
        match value {
            Value::Object(map) => map.into_iter().map(|(key, value)| (key.to_lowercase(), lower(value))).collect(),
            Value::Array(items) => items.into_iter().map(lower).collect(),
            other => other,
        }
    }
    let values = |text: &str| {
        let all: Result<Vec<Value>, _> = Deserializer::from_str(text).into_iter().collect();
        all.ok().map(|all| all.into_iter().map(lower).collect::<Vec<_>>())
    };
    got == want || values(want).is_some_and(|want| values(got).is_some_and(|got| got == want))
}
