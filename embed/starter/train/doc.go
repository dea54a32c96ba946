// Package train only holds the tests of the trainer, which is C++ in the
// folder trainer; README.md says how the starter models are trained, package
// weights what their files look like.
package train
