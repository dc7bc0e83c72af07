// A template that cannot be read or carried out: the text is Go's own, position and all, because that is what people
// search for. template.ts turns it into the error that callers see.

export class TemplateFailure extends Error {}

/** Thrown by a function of a template; the evaluator adds where it was called. */
export class FunctionFailure extends Error {}
