//! `kubectl create token`: a token of a service account. Nobody checks tokens here, so kubectl writes it itself.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Args, Ctx, Failure, Outcome, fail, printers::compact, wait, write};
use crate::api::{Kind, wire::base64_url};

const AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";

pub async fn main(cx: &Ctx, args: &Args, rest: &[&str]) -> Outcome {
    let [name] = rest else {
        return Err(Failure::Usage {
            command: "create token".into(),
            message: format!("exactly one NAME is required, got {}", rest.len()),
        });
    };
    let seconds = match args.get("duration") {
        None => Duration::ZERO,
        Some(text) => wait::duration(text).map_err(|_| {
            let why = format!("invalid argument \"{text}\" for \"--duration\" flag: time: invalid duration \"{text}\"");
            Failure::Message(why)
        })?,
    }
    .as_secs();
    let account = cx.client.get(Kind::ServiceAccount, &cx.namespace, name).await;
    let account = account.map_err(|error| Failure::Message(format!("failed to create token: {}", error.message)))?;
    if (1..600).contains(&seconds) {
        return fail(format!(
            "failed to create token: TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid \
             value: {seconds}: may not specify a duration less than 10 minutes"
        ));
    }
    let seconds = if seconds == 0 { 3600 } else { seconds };
    let given = args.list("audience");
    let audiences = if given.is_empty() { vec![AUDIENCE.to_string()] } else { given };
    let (now, expires) = (cx.now(), cx.now() + Duration::from_secs(seconds));
    let claims = json!({
        "aud": audiences,
        "exp": expires.as_second(),
        "iat": now.as_second(),
        "iss": AUDIENCE,
        "kubernetes.io": {
            "namespace": cx.namespace,
            "serviceaccount": {"name": name, "uid": account.uid()},
        },
        "nbf": now.as_second(),
        "sub": format!("system:serviceaccount:{}:{name}", cx.namespace),
    });
    let header = json!({"alg": "RS256", "kid": "podarium"});
    let mut token = Vec::new();
    base64_url(compact(&header).as_bytes(), &mut token);
    token.push(b'.');
    base64_url(compact(&claims).as_bytes(), &mut token);
    token.push(b'.');
    base64_url(account.uid().as_bytes(), &mut token);
    let token = String::from_utf8_lossy(&token).into_owned();
    if args.get("output").unwrap_or_default().is_empty() {
        cx.out(token + "\n").await;
        return Ok(0);
    }
    let time = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let value = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "metadata": {"creationTimestamp": time(now), "name": name, "namespace": cx.namespace},
        "spec": {"audiences": audiences, "boundObjectRef": Value::Null, "expirationSeconds": seconds},
        "status": {"expirationTimestamp": time(expires), "token": token},
    });
    write::report_as(cx, args, &format!("serviceaccount/{name}"), &value, "token created", write::DryRun::None).await?;
    Ok(0)
}
