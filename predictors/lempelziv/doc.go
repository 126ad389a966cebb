// Package lempelziv holds predictors built on incremental parsing.
package lempelziv
