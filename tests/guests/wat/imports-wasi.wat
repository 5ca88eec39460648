;; A component that imports network access.
(component
  (import "wasi:http/outgoing-handler@0.2.0" (instance (export "handle" (func)))))
