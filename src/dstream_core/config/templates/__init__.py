"""The template layer: actions `{{ … }}`, as the original renders them with Go's text/template and Sprig.

Here an action's value is put in after the parse, so that no value can change the structure of the file.
"""
