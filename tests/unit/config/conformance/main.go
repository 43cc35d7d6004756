// Writes what the reference implementation of HCL makes of each case that it reads.
//
// In: one JSON object a line, {"kind":"expression"|"body","source":"…"}. Out: the same with "value" and "type" (for a
// body "body": arguments and blocks), or with "error": "syntax" or "value". See test_conformance.py.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

type result struct {
	Kind   string `json:"kind"`
	Source string `json:"source"`
	Value  string `json:"value,omitempty"`
	Type   string `json:"type,omitempty"`
	Body   *body  `json:"body,omitempty"`
	Error  string `json:"error,omitempty"`
}

type body struct {
	Arguments map[string][2]string `json:"arguments"`
	Blocks    []block              `json:"blocks"`
}

type block struct {
	Type   string   `json:"type"`
	Labels []string `json:"labels"`
	Body   body     `json:"body"`
}

// converter is a function such as tolist(), which converts its argument to a type.
func converter(to cty.Type) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true}},
		Type: func(args []cty.Value) (cty.Type, error) {
			converted, err := convert.Convert(args[0], to)
			return converted.Type(), err
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return convert.Convert(args[0], to) },
	})
}

// scope holds the same values as LOCALS in test_conformance.py.
func scope() *hcl.EvalContext {
	number, text := cty.NumberIntVal, cty.StringVal
	item := func(id string, values ...cty.Value) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"id": text(id), "v": cty.ListVal(values)})
	}
	return &hcl.EvalContext{
		Variables: map[string]cty.Value{"local": cty.ObjectVal(map[string]cty.Value{
			"s": text("str"), "n": number(5), "b": cty.True, "nul": cty.NullVal(cty.DynamicPseudoType),
			"num": text("42"), "e": text(""), "a-b": number(7),
			"t":  cty.TupleVal([]cty.Value{number(1), text("two"), cty.True}),
			"l":  cty.ListVal([]cty.Value{text("a"), text("b"), text("c")}),
			"le": cty.ListValEmpty(cty.String),
			"st": cty.SetVal([]cty.Value{text("z"), text("y")}),
			"m":  cty.MapVal(map[string]cty.Value{"k2": number(2), "k1": number(1)}),
			"o": cty.ObjectVal(map[string]cty.Value{
				"name": text("x"), "age": number(3), "in": cty.ObjectVal(map[string]cty.Value{"q": number(9)})}),
			"lo": cty.ListVal([]cty.Value{item("i1", number(1), number(2)), item("i2", number(3))}),
		})},
		Functions: map[string]function.Function{
			"upper": stdlib.UpperFunc, "jsonencode": stdlib.JSONEncodeFunc, "concat": stdlib.ConcatFunc,
			"keys": stdlib.KeysFunc, "length": stdlib.LengthFunc, "max": stdlib.MaxFunc, "merge": stdlib.MergeFunc,
			"try": tryfunc.TryFunc, "can": tryfunc.CanFunc,
			"tolist": converter(cty.List(cty.DynamicPseudoType)), "toset": converter(cty.Set(cty.DynamicPseudoType)),
			"tomap": converter(cty.Map(cty.DynamicPseudoType)), "tostring": converter(cty.String),
			"tonumber": converter(cty.Number), "tobool": converter(cty.Bool),
		},
	}
}

func evaluate(expression hclsyntax.Expression) (value [2]string, ok bool) {
	defer func() {
		if recover() != nil { // an operation that the reference does not survive has no value
			ok = false
		}
	}()
	found, problems := expression.Value(scope())
	if problems.HasErrors() {
		return value, false
	}
	written, err := ctyjson.Marshal(found, found.Type())
	return [2]string{string(written), found.Type().FriendlyName()}, err == nil
}

func evaluateBody(parsed *hclsyntax.Body) (found body, ok bool) {
	found = body{Arguments: map[string][2]string{}, Blocks: []block{}}
	for name, argument := range parsed.Attributes {
		if found.Arguments[name], ok = evaluate(argument.Expr); !ok {
			return found, false
		}
	}
	for _, each := range parsed.Blocks {
		inner, ok := evaluateBody(each.Body)
		if !ok {
			return found, false
		}
		found.Blocks = append(found.Blocks, block{each.Type, append([]string{}, each.Labels...), inner})
	}
	return found, true
}

func answer(one *result) {
	if one.Kind == "expression" {
		expression, problems := hclsyntax.ParseExpression([]byte(one.Source), "case", hcl.InitialPos)
		if problems.HasErrors() {
			one.Error = "syntax"
		} else if value, ok := evaluate(expression); ok {
			one.Value, one.Type = value[0], value[1]
		} else {
			one.Error = "value"
		}
		return
	}
	file, problems := hclsyntax.ParseConfig([]byte(one.Source), "case", hcl.InitialPos)
	if problems.HasErrors() {
		one.Error = "syntax"
	} else if found, ok := evaluateBody(file.Body.(*hclsyntax.Body)); ok {
		one.Body = &found
	} else {
		one.Error = "value"
	}
}

func main() {
	decoder, encoder := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	for decoder.More() {
		var one result
		if err := decoder.Decode(&one); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		answer(&one)
		if err := encoder.Encode(one); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
