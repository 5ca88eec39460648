;; Declares so many pages of memory.
(memory (export "memory") {pages})
