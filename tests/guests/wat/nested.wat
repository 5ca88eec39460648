;; A component that hides the import of an inner component behind its own.
(component
  (component $inner
    (import "wasi:sockets/tcp@0.2.0" (instance (export "connect" (func)))))
  (import "{import}" (instance $it (export "connect" (func))))
  (instance (instantiate $inner (with "wasi:sockets/tcp@0.2.0" (instance $it)))))
