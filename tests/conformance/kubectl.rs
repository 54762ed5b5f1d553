//! kubectl: arguments, tables, describe, whole commands in order (p, q, r, t, u, v).

mod commands;
mod recorded;
mod world;

use super::{Case, Outcome, Table, each, unknown};

pub fn run(table: &Table) -> Vec<Outcome> {
    match table.name.split('_').next() {
        Some("u") => recorded::without_kubelets(table),
        Some("v") => recorded::with_kubelets(table),
        Some("t") => each(table, commands::golden),
        _ => each(table, one),
    }
}

fn one(case: Case) -> Outcome {
    match case.test {
        "TestParseTaints" | "TestValidateTaint" => commands::parse_taints(case),
        "TestAddOrUpdateTaint" => commands::add_taint(case),
        "TestDeleteTaint" | "TestDeleteTaintByKey" => commands::delete_taint(case),
        "TestDescribeContainers" => commands::describe_container(case),
        "TestDescribeResources" => commands::describe_resources(case),
        "TestPrintLabelsMultiline" => commands::describe_annotations(case),
        "TestColumnPrint" | "TestSliceColumnPrint" => commands::columns(case),
        "TestNewColumnPrinterFromSpec" | "TestNewColumnPrinterFromTemplate" => commands::columns_of(case),
        "TestMassageJSONPath" => commands::relaxed_path(case),
        "TestRuntimeSortLess" | "TestSortingPrinter" => commands::sorted(case),
        "TestRunValidations" | "TestRunArgsFollowDashRules" | "TestGetRestartPolicy" | "TestRunOverride" => {
            commands::run_pod(case)
        }
        "TestGenerateService" => commands::run_expose(case),
        "TestLabelErrors" | "TestRunLabelMsg" => commands::label(case),
        "TestLabelFunc" | "TestLabelMsg" | "TestValidateLabels" => commands::label_object(case),
        "TestParseLabels" => commands::parse_labels(case),
        "TestTaint" | "TestValidateFlags" => commands::taint(case),
        "testCheckError" => commands::check_error(case),
        "TestPodAndContainer" => commands::exec(case),
        "TestLogsForObject" => commands::logs(case),
        "TestGetValidationDirective" => commands::validation(case),
        "TestMerge" | "TestJSONPatch" => commands::merge(case),
        other => unknown(other),
    }
}
