//! The hash of a pod template that is part of a ReplicaSet's name (`pkg/controller/controller_utils.go`, `ComputeHash`).

use serde_json::Value;

use super::wire;

/// The label that tells the pods of a Deployment's templates apart.
pub const HASH_LABEL: &str = "pod-template-hash";

const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// FNV-1a, 32 bits.
fn fnv(bytes: impl Iterator<Item = u8>) -> u32 {
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The digits of a number as letters that make no words (`rand.SafeEncodeString`).
pub fn safe_encode(number: u32) -> String {
    let letter = |byte: u8| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]);
    number.to_string().bytes().map(letter).collect()
}

/// `collisions` counts how often the name was taken.
pub fn template_hash(template: &Value, collisions: Option<u32>) -> String {
    let text = wire::compact(template);
    let mut tail = Vec::new();
    if let Some(count) = collisions {
        tail.extend(count.to_le_bytes());
        tail.extend([0; 4]);
    }
    safe_encode(fnv(text.bytes().chain(tail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_letters() {
        assert_eq!(safe_encode(2_902_761_571), "6f46cb59c5");
    }

    #[test]
    fn a_collision_gives_another_hash() {
        let template = serde_json::json!({"spec": {"containers": []}});
        assert_ne!(template_hash(&template, None), template_hash(&template, Some(1)));
        assert_eq!(template_hash(&template, None), template_hash(&template, None));
    }
}
