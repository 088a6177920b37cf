// Documents are quoted, never obeyed: what keeps a text that is put into a prompt from ending its quotation, its field or the turn of the chat.

/** `text` between two lines of `"""`, or of more quotation marks than the text has in a row anywhere. The text itself stays as it is. */
export function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/"{3,}/g) ?? []).map((marks) => marks.length))
  const fence = '"'.repeat(longest + 1)
  return `${fence}\n${text}\n${fence}`
}

// servers read these in a message as the end of a turn: [INST] </s> <|im_end|> <end_of_turn> <<SYS>> and their kind
const CONTROL = /\[(?=\/?(?:INST|SYS)\])|<(?=\|[^|<>\s]{1,40}\|>|\/?(?:s|bos|eos|pad|unk|(?:start|end)_of_turn)>|<\/?SYS>>)/gi

/** A space behind the bracket of each control token of a chat template, which makes plain text of it: `< |im_end|>`. */
export const withoutControlTokens = (text: string): string => text.replace(CONTROL, '$& ')

/** `&lt;` for the bracket of each tag that a reply is read by. Replies' entities are decoded, so a model that repeats one does no harm either. */
export const withoutTags = (text: string): string => text.replace(/<(?=\s?\/?\s?(?:question|answer|verdict|think(?:ing)?)\b)/gi, '&lt;')

/** A text for the models of this package's prompts. */
export const quoted = (text: string): string => withoutTags(withoutControlTokens(text))
