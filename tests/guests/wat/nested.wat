;; A component that hides the import of an inner component behind its own.
(component
  (component $inner
    (import "wasi:http/types@0.2.0" (instance (export "connect" (func)))))
  (import "{import}" (instance $it (export "connect" (func))))
  (instance (instantiate $inner (with "wasi:http/types@0.2.0" (instance $it)))))
