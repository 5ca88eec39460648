//! Precompiled code is loaded only with a valid HMAC.

use std::slice::from_ref;

use scimgate_plugin_host::{Decision, Error, Key};

use crate::support::{HOST, TUTORIAL, TestDocument, context, generous, user};

#[test]
fn a_precompiled_plugin_is_loaded_and_runs() {
    let (old, new) = (Key::new([1; 32]), Key::new([2; 32]));
    let artifact = TUTORIAL.precompile(&old).unwrap();
    let component = HOST.load_precompiled(&artifact, &[new, old]).unwrap();
    assert_eq!(component.digest(), TUTORIAL.digest());
    assert_eq!(component.manifest(), TUTORIAL.manifest());
    let result = HOST.run(&component, &context(), "", TestDocument::new(user()), &generous());
    assert_eq!(result.decision, Ok(Decision::Mapped));
}

#[test]
fn a_flipped_bit_or_another_key_is_refused() {
    let key = Key::new([1; 32]);
    let artifact = TUTORIAL.precompile(&key).unwrap();
    for index in [0, 8, 39, 40, 72, 80, artifact.len() / 2, artifact.len() - 1] {
        let mut damaged = artifact.clone();
        damaged[index] ^= 1;
        assert!(matches!(HOST.load_precompiled(&damaged, from_ref(&key)), Err(Error::Artifact)), "byte {index}");
    }
    for length in [0, 8, 39, 40, 75, artifact.len() - 1] {
        assert!(matches!(HOST.load_precompiled(&artifact[..length], from_ref(&key)), Err(Error::Artifact)));
    }
    assert!(matches!(HOST.load_precompiled(&artifact, &[Key::new([3; 32])]), Err(Error::Artifact)));
    assert!(matches!(HOST.load_precompiled(&artifact, &[]), Err(Error::Artifact)));
}
