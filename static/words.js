// Words with a number: a data attribute holds each plural form of the page's language, with numbers that take it.
export const worded = (source, number, others = {}) => {
  const language = document.documentElement.lang || undefined;
  const kinds = new Intl.PluralRules(language);
  const grouped = new Intl.NumberFormat(language);
  const forms = JSON.parse(source);
  const isOf = ([, examples]) => examples.some((one) => kinds.select(one) === kinds.select(number));
  const [text] = forms.find(isOf) ?? forms.at(-1);
  return Object.entries({ n: number, ...others }).reduce((said, [name, value]) => said.replace(`{${name}}`, grouped.format(value)), text);
};
